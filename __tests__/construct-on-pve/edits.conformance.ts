// The prop table (docs/reference/props.json) against the real provider: every row's edit does to a VM that runs what the
// table says, is applied, and the plan after it is empty. One VM a row, all edited at once.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TerraformStack, type App } from "cdktf";
import { addTemplate, GIB, storage, type Cluster } from "../../lab/pve/world/cluster";
import { writeSnippet } from "../../lab/pve/world/snippets";
import {
  Git,
  LocalStateBackend,
  NexusVariables,
  NexusVmPull,
  ProxmoxProvider,
  Receiver,
  type ReceiverProps,
} from "../../lib";
import { RecordingReceiver } from "../../lab/services/recording-receiver";
import { REPOSITORY } from "../../lab/host/tools";
import { describeWith } from "../support/suites";
import { type Edit, type EditContext, RICH, secretOf, secretValueOf } from "./edits/edit";
import { IMAGE_EDITS, ONE_IMAGE, prepareImages } from "./edits/image-edits";
import { SEED_EDITS } from "./edits/seed-edits";
import { VM_EDITS } from "./edits/vm-edits";
import { LAB_TOOLS, LabStack, useSshPorts, type Plan } from "./stack";

type Effect = "in-place" | "replaces" | "create-only";

interface Row {
  readonly prop: string;
  readonly effect: Effect;
  readonly note?: string;
}

const TABLE = JSON.parse(readFileSync(join(REPOSITORY, "docs", "reference", "props.json"), "utf8")) as Row[];

/** An edit for every public prop of a VM, by the prop's path. */
const EDITS: Readonly<Record<string, Edit>> = { ...VM_EDITS, ...IMAGE_EDITS, ...SEED_EDITS };
const PATHS = Object.keys(EDITS);
const slug = (path: string): string => `e${PATHS.indexOf(path)}`;

/** Rows whose edit is planned only, and how the provider refuses to apply it. */
const PLAN_ONLY: Readonly<Record<string, string>> = {
  diskInterface: 'cannot delete boot disk "scsi0"',
};

// Design decision 4: whatever else is edited, the VM stays. The provider makes a VM anew whose cloud-init drive names
// another file, and that cannot be ignored: the VM would not start again once the old file is gone.
const MAY_REPLACE = ["name", "fleet", "receiver.fleet", "seed", "seed.datastore", "seed.userData", "seed.metaData"];

const OPERATOR_SECRET = "operator-secret-of-the-edits";

function prepare(cluster: Cluster): void {
  cluster.storages.set("shared", storage("shared", "nfs", ["images", "snippets"], true));
  const roomy = { ...storage("local-lvm", "lvmthin", ["images", "rootdir"]), total: 100 * 1024 * GIB };
  cluster.storages.set(roomy.id, roomy);
  for (const vmid of [9000, 9001])
    addTemplate(cluster, { vmid, node: "pve", name: `golden-${vmid}`, storage: "local-lvm", sizeGib: 8, ctime: 0 });
  cluster.storages.get("local")?.snippetsFolder.add("pve").add("pve2");
  for (const name of ["a", "b", "m", "n"])
    writeSnippet(cluster, "pve", `/var/lib/vz/snippets/${name}.yaml`, Buffer.from("#cloud-config\n"), 0);
  prepareImages(cluster);
  cluster.pools.set("ops", { vms: new Set(), storages: new Set() });
  for (const node of cluster.nodes.values())
    node.bridges.push(...PATHS.flatMap((_path, index) => [`br${index}`, `vmbr1x${index}`]));
}

/** What the VM had before, but its receiver: that one can be made once only. */
function withoutReceiver(before: Edit["before"], context: EditContext): ReturnType<Edit["before"]> {
  return before({ ...context, receiver: () => undefined as unknown as Receiver });
}

// Each VM a bridge of its own, since they all have the same address.
function apart(props: ReturnType<Edit["after"]>, index: number): ReturnType<Edit["after"]> {
  const bridge = (name: string): string => (name === "vmbr0" ? `br${index}` : `${name}x${index}`);
  return props.network === undefined
    ? props
    : { ...props, network: props.network.map((nic) => ({ ...nic, bridge: bridge(nic.bridge) })) };
}

describeWith(LAB_TOOLS, "the prop table on the stand-in", () => {
  jest.setTimeout(600_000);
  const [receiver, other] = [0, 1].map(() => new RecordingReceiver([OPERATOR_SECRET, secretValueOf("other_secret")]));
  let lab: LabStack;
  let planned: Plan;

  function contextOf(stack: TerraformStack, vars: NexusVariables): Omit<EditContext, "receiver" | "fleet"> {
    const provider = new ProxmoxProvider(stack, "other", {
      alias: "other",
      endpoint: lab.pve.endpoint,
      apiToken: lab.pve.credentials.apiToken,
      insecure: true,
      ssh: { username: "root", password: lab.pve.credentials.password },
    });
    useSshPorts(provider, lab.pve);
    return { stack, vars, secret: secretOf(stack), provider, otherUrl: other?.webhookUrl ?? "" };
  }

  /** One VM for each edit, before or after it; the addresses are the same in both. */
  function use(side: (path: string) => keyof Edit): void {
    lab.use((app: App) => {
      const stack = new TerraformStack(app, "lab");
      LocalStateBackend.relative(stack);
      const vars = new NexusVariables(stack);
      useSshPorts(vars.provider(), lab.pve);
      const common = contextOf(stack, vars);
      for (const [index, path] of PATHS.entries()) {
        const fleet = `f${index}`;
        const webhookUrl = receiver?.webhookUrl ?? "";
        const make = (props: Partial<ReceiverProps> = {}): Receiver =>
          new Receiver(stack, `r${index}`, { webhookUrl, secret: vars.webhookSecret, fleet, ...props });
        const context = { ...common, receiver: make, fleet };
        const { before, after } = EDITS[path] as Edit;
        const props =
          side(path) === "before" ? before(context) : { ...withoutReceiver(before, context), ...after(context) };
        new NexusVmPull(stack, slug(path), {
          name: slug(path),
          nodeName: "pve",
          templateVmId: 9000,
          source: Git.https("https://git.example/a.git"),
          ...apart(RICH, index),
          ...apart(props, index),
        });
      }
      return stack;
    });
  }

  const apply = () => lab.run(["apply", "-auto-approve", "-parallelism=8"], { timeoutMs: 500_000 });

  beforeAll(async () => {
    for (const one of [receiver, other]) {
      await one?.start();
      one?.waits.push(...PATHS.map(() => ({ status: 200, text: "Configured" })));
    }
    lab = await LabStack.start({ prepare, web: ONE_IMAGE }, { webhook_secret: OPERATOR_SECRET });
    use(() => "before");
    await lab.init();
    await apply();
    use(() => "after");
    planned = await lab.planJson();
  });

  afterAll(async () => {
    await lab?.stop();
    await receiver?.stop();
    await other?.stop();
  });

  interface Seen {
    readonly vm: string;
    readonly files: string;
    readonly others: string;
    readonly provider: boolean;
  }

  /** What the plan does to the VM of an edit and to what belongs to it. */
  function seen(path: string): Seen {
    const mine = (planned.resource_changes ?? []).filter(
      ({ name }) => /^[er](\d+)_/.exec(name)?.[1] === slug(path).slice(1),
    );
    const actions = (type: RegExp): string =>
      [...new Set(mine.filter((one) => type.test(one.type)).flatMap((one) => one.change.actions))]
        .filter((action) => action !== "no-op")
        .sort()
        .join("+");
    const address = mine.find(({ type }) => /_vm$/.test(type))?.address;
    const resource = planned.configuration.root_module.resources.find((one) => one.address === address);
    return {
      vm: actions(/^proxmox_virtual_environment_vm$/),
      files: actions(/^proxmox_virtual_environment_file$/),
      others: actions(/^null_resource$/),
      provider: resource?.provider_config_key === "proxmox.other",
    };
  }

  function effectOf(path: string): Effect {
    const { vm, files, others, provider } = seen(path);
    if (vm === "create+delete") return "replaces";
    return vm !== "" || files !== "" || others !== "" || provider ? "in-place" : "create-only";
  }

  it("fails when an edit does something else than docs/reference/props.json says, or a row has no edit", () => {
    const observed = PATHS.map((prop) => [prop, effectOf(prop)]);
    const said = TABLE.map(({ prop, effect }) => [prop, effect]);
    expect(Object.fromEntries(observed)).toEqual(Object.fromEntries(said));
  });

  it("fails when the table does not say when an edit of the seed takes effect", () => {
    for (const prop of PATHS) {
      const { vm, files } = seen(prop);
      const note = TABLE.find((row) => row.prop === prop)?.note ?? "";
      if (vm === "" && files !== "")
        expect([prop, note]).toEqual([prop, expect.stringContaining("when Proxmox next starts the VM")]);
    }
  });

  it("fails when anything but a VM's identity and where its seed is replaces it", () => {
    const replacing = PATHS.filter((prop) => seen(prop).vm.includes("delete"));
    expect(replacing.sort()).toEqual([...MAY_REPLACE].sort());
  });

  it("applies the edits to the VMs that run, and plans nothing afterwards", async () => {
    const running = () => [...lab.pve.cluster.vms.values()].filter((vm) => vm.running !== undefined);
    const before = new Map(running().map((vm) => [vm.vmid, vm]));
    use((path) => (path in PLAN_ONLY ? "before" : "after"));
    await apply();
    const same = running().filter((vm) => before.get(vm.vmid) === vm);
    // Replaced ones are others; `started: false` runs no more.
    expect(same).toHaveLength(PATHS.length - MAY_REPLACE.length - 1);
    expect(await lab.plan()).toEqual([]);
  });

  // Last: after such a refusal the provider's state has the disk under both names, and nothing of the VM can be applied.
  it.each(Object.entries(PLAN_ONLY))("does not apply %s, because %s", async (path, why) => {
    use((one) => (one === path ? "after" : "before"));
    const vm = planned.resource_changes?.find(
      ({ name, type }) => type.endsWith("_vm") && name.startsWith(`${slug(path)}_`),
    );
    const refused = await lab.try(["apply", "-auto-approve", "-refresh=false", `-target=${vm?.address}`]);
    expect(refused.status).toBe(1);
    expect(refused.stderr.replace(/\s+/g, " ")).toContain(why);
  });
});
