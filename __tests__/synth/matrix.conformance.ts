// Real OpenTofu, the real provider and cloud-init see every case of the matrix.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type App, TerraformOutput, type TerraformStack } from "cdktf";
import { createValidator, errorsOf } from "@nexus-pull/contract/test-support";
import { cloudInitSchemaOf, parseYamlOf } from "../support/cloud-init";
import { type CloudConfigDocument, readSeedScript, sha256, tofuJson } from "../support/documents";
import { asData, givenSecrets, intendedCloudConfig, intendedConfig } from "../support/intended";
import { MATRIX, type MatrixCase, matrixStack } from "../support/matrix";
import { intendedOf, MORE_TFVARS, secretValue, TFVARS, usesSecrets } from "../support/matrix-values";
import { synthJson } from "../support/synth";
import { TofuFolder } from "../../lab/host/tofu";
import { startPve, type Pve } from "../../lab/pve/stand-in";
import { REPOSITORY } from "../../lab/host/tools";
import { describeWith } from "../support/suites";

interface Planned {
  readonly address: string;
  readonly type: string;
  readonly name: string;
  readonly values: Record<string, unknown>;
}

interface PlanJson {
  readonly planned_values: {
    readonly outputs: Record<string, { readonly value: string }>;
    readonly root_module: { readonly resources: Planned[] };
  };
}

interface Run {
  readonly labels: string[];
  readonly validate: { readonly valid: boolean; readonly diagnostics: unknown[] };
  readonly plan: PlanJson;
  readonly said: string;
}

/** The stack of some cases, with an output for each VM's two texts, also where nothing is uploaded. */
function stackOf(labels: readonly string[]): (app: App) => TerraformStack {
  return (app) => {
    const vms = matrixStack(
      app,
      "matrix",
      Object.fromEntries(labels.map((label) => [label, MATRIX[label] as MatrixCase])),
    );
    Object.values(vms).forEach((vm, index) => {
      for (const [kind, value] of [["user", vm.userData] as const, ["meta", vm.metaData] as const]) {
        const output = new TerraformOutput(vm, `${kind}-text`, { value, sensitive: true });
        output.overrideLogicalId(`${kind}-${index}`);
      }
    });
    return app.node.findChild("matrix") as TerraformStack;
  };
}

async function run(labels: string[], tfvars: string, pve: Pve): Promise<Run> {
  const json = synthJson(stackOf(labels));
  const own = Object.keys(json.variable ?? {}).filter((name) => /_\d+$/.test(name));
  const env = Object.fromEntries(own.map((name) => [`TF_VAR_${name}`, secretValue(name.replace(/_\d+$/, ""))]));
  const folder = new TofuFolder({ "cdk.tf.json": json, "terraform.tfvars": tfvars });
  try {
    await folder.run(["init", "-backend=false"]);
    const validate = JSON.parse(await folder.run(["validate", "-json"], { env })) as Run["validate"];
    await folder.run(["init"]);
    const said = await folder.run(["plan", "-refresh=false", "-out=plan.out", ...accessTo(pve, tfvars)], { env });
    const plan = JSON.parse(await folder.run(["show", "-json", "plan.out"])) as PlanJson;
    return { labels, validate, plan, said };
  } finally {
    folder.remove();
  }
}

/** A plan asks the cluster whether an id is free; what the files say of it is an address at which nobody is. */
function accessTo({ endpoint, credentials }: Pve, tfvars: string): string[] {
  const login = tfvars.includes("proxmox_api_token")
    ? `proxmox_api_token=${credentials.apiToken}`
    : `proxmox_password=${credentials.password}`;
  return [`proxmox_endpoint=${endpoint}`, "proxmox_insecure=true", login].map((value) => `-var=${value}`);
}

const nameOf = (index: number): string => `vm-${String(index + 1).padStart(2, "0")}`;

function resourceOf({ plan }: Run, index: number, type: RegExp, kind: string): Record<string, unknown> | undefined {
  const { resources } = plan.planned_values.root_module;
  const name = new RegExp(`^${nameOf(index)}_${kind}_`);
  return resources.find((one) => type.test(one.type) && name.test(one.name))?.values;
}

const vmOf = (done: Run, index: number): Record<string, unknown> => resourceOf(done, index, /_vm$/, "vm") ?? {};
const all = Object.keys(MATRIX);

describeWith(["tofu", "tofurc", "cloud-init-root"], "the matrix of prop sets", () => {
  const runs: Record<string, Run> = {};
  let pve: Pve;

  beforeAll(async () => {
    pve = await startPve();
    runs.plain = await run(
      all.filter((label) => !usesSecrets(label)),
      TFVARS,
      pve,
    );
    runs.more = await run(all, MORE_TFVARS, pve);
  }, 300_000);
  afterAll(() => pve?.stop());

  describe.each([
    ["the six variables alone", "plain", false],
    ["every variable", "more", true],
  ] as const)("with %s", (_what, which, more) => {
    const done = (): Run => runs[which] as Run;

    it("fails when validate has anything to say", () => {
      expect(done().validate).toMatchObject({ valid: true, diagnostics: [] });
      expect(done().said).not.toMatch(/Warning/);
      expect(done().labels.length).toBeGreaterThan(more ? 23 : 15);
    });

    it("fails when a document is not exactly the one that was asked for", () => {
      done().labels.forEach((label, index) => {
        const vm = intendedOf(label, nameOf(index), more);
        const { outputs } = done().plan.planned_values;
        const texts = [outputs[`user-${index}`]?.value ?? "", outputs[`meta-${index}`]?.value ?? ""];
        const [user, meta] = parseYamlOf(texts).map((one) => ("value" in one ? one.value : one));
        const document = user as CloudConfigDocument;
        const [script, ...bootcmd] = document.bootcmd;
        const { seed, agent } = readSeedScript(script as string);
        const { generation, ...config } = seed.config;
        const given = { config: intendedConfig(vm), secrets: givenSecrets(vm), files: seed.files };
        const renewed = vm.props.changePolicy?.kind === "new-instance" ? `-${generation.slice(0, 12)}` : "";
        const instance = `${vm.fleet}-${nameOf(index)}${renewed}`;
        expect([label, texts[0]?.split("\n")[0]]).toEqual([label, "#cloud-config"]);
        expect([label, { ...document, bootcmd }]).toEqual([label, intendedCloudConfig(vm)]);
        expect([label, meta]).toEqual([label, { "instance-id": instance, "local-hostname": nameOf(index) }]);
        const identity = { fleet: vm.fleet, vm: nameOf(index), instance_id: instance };
        expect([label, config]).toEqual([label, { ...intendedConfig(vm), identity }]);
        const secrets = Object.entries(givenSecrets(vm)).filter(([, value]) => value !== "");
        expect([label, seed.secrets]).toEqual([label, Object.fromEntries(secrets)]);
        expect([label, generation]).toEqual([label, sha256(tofuJson(asData(given)))]);
        const program = readFileSync(join(REPOSITORY, "agent/built/nexus-pull-agent"));
        expect([label, agent?.equals(program)]).toEqual([label, vm.props.agent === "image" ? undefined : true]);
      });
    });

    it("fails when a seed is not what the contract says", () => {
      const ajv = createValidator();
      const scripts = done().labels.map(
        (_label, index) => done().plan.planned_values.outputs[`user-${index}`]?.value ?? "",
      );
      parseYamlOf(scripts).forEach((one, index) => {
        const [script] = ("value" in one ? (one.value as CloudConfigDocument) : { bootcmd: [] }).bootcmd;
        const errors = errorsOf(ajv, "seed.schema.json", readSeedScript(script as string).seed);
        expect([done().labels[index], errors]).toEqual([done().labels[index], []]);
      });
    });

    it("fails when cloud-init's own schema refuses a document", () => {
      const texts = done().labels.map(
        (_label, index) => done().plan.planned_values.outputs[`user-${index}`]?.value ?? "",
      );
      const results = cloudInitSchemaOf(texts).map(({ ok, message }, index) => [
        done().labels[index],
        ok,
        ok ? "" : message,
      ]);
      expect(results).toEqual(done().labels.map((label) => [label, true, ""]));
    });

    it("fails when what is uploaded is another text, or the VM names it by anything but a literal", () => {
      done().labels.forEach((label, index) => {
        const file = resourceOf(done(), index, /_file$/, "user-data");
        const vm = intendedOf(label, nameOf(index), more);
        if (file === undefined) return expect(vm.props.seed?.spec.references).toBeDefined();
        const [raw] = file.source_raw as { data: string; file_name: string }[];
        expect(raw?.data).toBe(done().plan.planned_values.outputs[`user-${index}`]?.value);
        const [drive] = vmOf(done(), index).initialization as Record<string, unknown>[];
        const literal = `${String(file.datastore_id)}:snippets/${raw?.file_name}`;
        const replacing = vm.props.changePolicy?.kind === "replace";
        expect([label, drive?.user_data_file_id]).toEqual([label, replacing ? undefined : literal]);
      });
    });

    it("fails when a VM would be waited for, restarted unasked, or sent with a half of a network device", () => {
      done().labels.forEach((label, index) => {
        const { props } = intendedOf(label, nameOf(index), more);
        const vm = vmOf(done(), index);
        expect([label, vm]).toEqual([
          label,
          expect.objectContaining({
            agent: [
              expect.objectContaining({ enabled: true, wait_for_ip: [expect.objectContaining({ disabled: true })] }),
            ],
            stop_on_destroy: true,
            reboot: false,
            reboot_after_update: props.rebootAfterUpdate ?? false,
            started: props.started ?? true,
            name: nameOf(index),
            description: props.description ?? expect.stringContaining("nexus-vm-pull"),
            serial_device: [{ device: "socket" }],
          }),
        ]);
        const tags = [...new Set((props.tags ?? []).map((tag) => tag.toLowerCase()))].sort();
        expect([label, vm.tags ?? []]).toEqual([label, tags]);
        const devices = vm.network_device as Record<string, unknown>[];
        expect(devices).toHaveLength(props.network?.length ?? 1);
        for (const device of devices) {
          expect(device).toMatchObject({
            bridge: expect.anything(),
            model: expect.anything(),
            firewall: expect.anything(),
          });
        }
      });
    });
  });

  it("fails when two settings share a generation, or the same settings do not", () => {
    const generations = (done: Run): string[] =>
      done.labels.map((_label, index) => {
        const [parsed] = parseYamlOf([done.plan.planned_values.outputs[`user-${index}`]?.value ?? ""]);
        const { bootcmd } = (parsed as { value: CloudConfigDocument }).value;
        return readSeedScript(bootcmd[0] as string).seed.config.generation;
      });
    const more = generations(runs.more as Run);
    expect(new Set(more).size).toBe(more.length);
  });
});
