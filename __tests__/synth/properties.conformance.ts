// Two thousand hostile prop sets: refused with an error of the catalogue, or carried unchanged through synthesis, real
// OpenTofu and the YAML parser that cloud-init uses.
import { type App, TerraformVariable } from "cdktf";
import { agentProgram } from "../../lib/seed/agent-program";
import { documentLocal } from "../../lib/opentofu/document-local";
import type { NexusVmPull, NexusVmPullProps } from "../../lib";
import { parseYamlOf } from "../support/cloud-init";
import { type CloudConfigDocument, readSeedScript, tofuJson } from "../support/documents";
import { asData, intendedCloudConfig, intendedConfig, type IntendedVm } from "../support/intended";
import { type StackJson, synthJson } from "../support/synth";
import { TofuFolder } from "../../lab/host/tofu";
import { describeWith } from "../support/suites";
import { CLASSES, REFUSED_CLASSES, samplePropSets, SEED, textsOf } from "./hostile";
import { addVm, defaults, newStack, refusalOf } from "./refusal";

const SETS = 2000;
const BATCH = 200;

interface Accepted {
  readonly id: string;
  readonly props: Partial<NexusVmPullProps>;
}

interface Evaluated {
  readonly userData: string;
  readonly metaData: string;
  readonly description: string;
}

/** A synthesized batch without its resources: locals only, and an output with each VM's texts. */
function withoutResources(batch: readonly Accepted[]): unknown {
  const vms: Record<string, NexusVmPull> = {};
  const json = synthJson((app: App) => {
    const stack = newStack(app);
    for (const { id, props } of batch) vms[id] = addVm(stack, id, props);
    return stack;
  });
  const { locals, resource } = json;
  return { locals, output: Object.fromEntries(batch.map(({ id }) => [id, { value: textsFrom(resource, vms[id]) }])) };
}

function textsFrom(resource: StackJson["resource"], vm: NexusVmPull | undefined): Record<string, unknown> {
  const file = (kind: string): unknown => {
    const id = vm?.node.findChild(kind) as unknown as { friendlyUniqueId: string };
    const source = resource?.proxmox_virtual_environment_file?.[id.friendlyUniqueId]?.source_raw;
    return (source as { data: unknown }).data;
  };
  const machine = resource?.proxmox_virtual_environment_vm?.[vm?.vm.friendlyUniqueId ?? ""];
  return { userData: file("user-data"), metaData: file("meta-data"), description: machine?.description };
}

async function evaluate(batch: readonly Accepted[]): Promise<Map<string, Evaluated>> {
  const folder = new TofuFolder({ "batch.tf.json": withoutResources(batch) });
  try {
    await folder.run(["init"]);
    await folder.run(["apply", "-auto-approve"]);
    const outputs = JSON.parse(await folder.run(["output", "-json"])) as Record<string, { value: Evaluated }>;
    return new Map(Object.entries(outputs).map(([id, { value }]) => [id, value]));
  } finally {
    folder.remove();
  }
}

/** What is different between what was asked for and what came out; nothing when it is all the same. */
function differences({ id, props }: Accepted, texts: Evaluated, userData: unknown, metaData: unknown): string[] {
  const vm: IntendedVm = {
    props: { ...defaults(id), ...props },
    fleet: props.fleet ?? "dev",
    agent: { version: agentProgram().version, sha256: agentProgram().sha256 },
  };
  const document = userData as CloudConfigDocument;
  const [first, ...bootcmd] = document.bootcmd;
  const { seed } = readSeedScript(first as string);
  const { generation, ...config } = seed.config;
  const compared: [string, unknown, unknown][] = [
    ["user-data", intendedCloudConfig(vm), { ...document, bootcmd }],
    ["meta-data", { "instance-id": `${vm.fleet}-${vm.props.name}`, "local-hostname": vm.props.name }, metaData],
    ["configuration", intendedConfig(vm), config],
    ["generation", true, /^[0-9a-f]{64}$/.test(generation)],
    // Proxmox keeps no white space at its end.
    ["description", props.description?.trimEnd() ?? texts.description, texts.description],
  ];
  return compared
    .filter(([, intended, got]) => tofuJson(asData(intended)) !== tofuJson(got))
    .map(
      ([what, intended, got]) =>
        `${what} of ${id} (seed ${SEED}):\n  ${tofuJson(asData(intended))}\n  ${tofuJson(got)}`,
    );
}

describeWith(["tofu", "tofurc"], "text beside tokens", () => {
  const signs = [
    "$",
    "$$",
    "%",
    "%%",
    "$%",
    "%$",
    "$$$",
    "\r$",
    "$\r",
    "\r",
    "a\r\r\nb",
    "\ufeff",
    "\\",
    '"',
    "x$",
    "\r\n%",
  ];

  it("fails when signs before a value that only OpenTofu knows, or around it, do not arrive", async () => {
    const json = synthJson((app: App) => {
      const stack = newStack(app);
      const { stringValue } = new TerraformVariable(stack, "known_later", { default: "${value}" });
      const sentences = signs.flatMap((sign) => [
        `${sign}${stringValue}`,
        `${sign}${stringValue}${sign}${stringValue}{`,
      ]);
      documentLocal(stack, "document", { sentences, keys: { [`$${stringValue}`]: 1 } });
      return stack;
    });
    const [name] = Object.keys(json.locals ?? {});
    const variable = { known_later: { default: "${value}" } };
    const output = { document: { value: `\${local.${name}}` } };
    const folder = new TofuFolder({ "text.tf.json": { locals: json.locals, variable, output } });
    try {
      await folder.run(["init"]);
      await folder.run(["apply", "-auto-approve"]);
      expect(JSON.parse(await folder.run(["output", "-json", "document"]))).toEqual({
        sentences: signs.flatMap((sign) => [`${sign}\${value}`, `${sign}\${value}${sign}\${value}{`]),
        keys: { "$${value}": 1 },
      });
    } finally {
      folder.remove();
    }
  });
});

describeWith(["tofu", "tofurc", "cloud-init-root"], `${SETS} hostile prop sets (seed ${SEED})`, () => {
  const sets = samplePropSets(SETS);
  const codes = sets.map((props) => refusalOf(props));
  const accepted = sets.flatMap((props, index) => (codes[index]?.length === 0 ? [{ id: `vm-${index}`, props }] : []));

  it("fails when more than half are refused: then nothing is proved", () => {
    expect(accepted.length).toBeGreaterThan(SETS / 2);
    expect(new Set(codes.flat()).size).toBeGreaterThan(8);
  });

  it.each(Object.entries(CLASSES))("has %s among what is accepted", (_class, fragments) => {
    const texts = accepted.flatMap(({ props }) => textsOf(props));
    for (const fragment of fragments) expect(texts.some((text) => text.includes(fragment))).toBe(true);
  });

  it.each(Object.entries(REFUSED_CLASSES))("has %s among what is refused, and nowhere else", (_class, fragments) => {
    const texts = accepted.flatMap(({ props }) => textsOf(props));
    const all = sets.flatMap(textsOf);
    for (const fragment of fragments) {
      // Half of an emoji is a lone surrogate only where the other half is missing.
      const has = (text: string): boolean =>
        text.includes(fragment) && (fragment.isWellFormed() || !text.isWellFormed());
      expect(all.some(has)).toBe(true);
      expect(texts.filter(has)).toEqual([]);
    }
  });

  it("fails when a document that OpenTofu evaluates is not exactly the one that was asked for", async () => {
    const found: string[] = [];
    for (let start = 0; start < accepted.length; start += BATCH) {
      const batch = accepted.slice(start, start + BATCH);
      const evaluated = await evaluate(batch);
      const texts = batch.map(({ id }) => evaluated.get(id) as Evaluated);
      const parsed = parseYamlOf(texts.flatMap(({ userData, metaData }) => [userData, metaData]));
      batch.forEach((vm, index) => {
        const [user, meta] = parsed.slice(2 * index, 2 * index + 2).map((one) => ("value" in one ? one.value : one));
        found.push(...differences(vm, texts[index] as Evaluated, user, meta));
      });
    }
    expect(found).toEqual([]);
  }, 1_200_000);
});
