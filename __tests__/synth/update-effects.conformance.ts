// What an edit of each prop does, as real OpenTofu and the real provider plan it against a state of Proxmox's shape.
// docs/reference/props.json says it to people; the two are compared.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { App } from "cdktf";
import {
  Git,
  NexusVariables,
  NexusVmPull,
  LocalStateBackend,
  ProxmoxProvider,
  Receiver,
  type ReceiverProps,
} from "../../lib";
import { TerraformStack } from "cdktf";
import { type Plan, planJson, type Schemas, stateAfter } from "../support/proxmox-state";
import { synthJson } from "../support/synth";
import { TofuFolder } from "../support/tofu";
import { describeWith, REPOSITORY } from "../support/tools";
import { type Edit, type EditContext, RICH, secretOf } from "./edit";
import { SEED_EDITS } from "./seed-edits";
import { VM_EDITS } from "./vm-edits";

type Effect = "in-place" | "replaces" | "create-only";

interface Row {
  readonly prop: string;
  readonly effect: Effect;
  readonly note?: string;
}

/** An edit for every public prop of a VM, by the prop's path. */
const EDITS: Readonly<Record<string, Edit>> = { ...VM_EDITS, ...SEED_EDITS };
const paths = Object.keys(EDITS);
const slug = (path: string): string => `e${paths.indexOf(path)}`;

const TFVARS = {
  proxmox_endpoint: "https://127.0.0.1:1",
  proxmox_username: "root@pam",
  proxmox_password: "unused",
  proxmox_node: "pve",
  template_vm_id: 9000,
  ansible_repo_url: "https://git.example/a.git",
  webhook_secret: "unused-secret",
};

/** One VM for each edit, before or after it; the addresses are the same in both. */
function edited(side: keyof Edit): (app: App) => TerraformStack {
  return (app) => {
    const stack = new TerraformStack(app, "dev");
    LocalStateBackend.relative(stack);
    const vars = new NexusVariables(stack);
    vars.provider();
    const provider = new ProxmoxProvider(stack, "other", {
      alias: "other",
      endpoint: TFVARS.proxmox_endpoint,
      username: TFVARS.proxmox_username,
      password: TFVARS.proxmox_password,
    });
    const secret = secretOf(stack);
    paths.forEach((path, index) => {
      const { before, after } = EDITS[path] as Edit;
      const fleet = `f${index}`;
      const receiver = (props: Partial<ReceiverProps> = {}): Receiver =>
        new Receiver(stack, `r${index}`, {
          webhookUrl: "https://receiver.example/webhook",
          secret: vars.webhookSecret,
          fleet,
          ...props,
        });
      const context = { stack, vars, secret, receiver, fleet, provider };
      const props = side === "before" ? before(context) : { ...withoutReceiver(before, context), ...after(context) };
      new NexusVmPull(stack, slug(path), {
        name: slug(path),
        nodeName: "pve",
        templateVmId: 9000,
        source: Git.https("https://git.example/a.git"),
        ...apart(index),
        ...renamed(props, index),
      });
    });
    return stack;
  };
}

/** What the VM had before, but its receiver: that one can be made once only. */
function withoutReceiver(before: Edit["before"], context: EditContext): ReturnType<Edit["before"]> {
  return before({ ...context, receiver: () => undefined as unknown as Receiver });
}

// Each VM a VLAN of its own, since they all have the same address.
function apart(index: number): typeof RICH {
  return { ...RICH, network: RICH.network?.map((nic) => ({ ...nic, bridge: `br${index}` })) };
}

function renamed(props: ReturnType<Edit["after"]>, index: number): ReturnType<Edit["after"]> {
  const bridge = (name: string): string => (name === "vmbr0" ? `br${index}` : `${name}x${index}`);
  return props.network === undefined
    ? props
    : { ...props, network: props.network.map((nic) => ({ ...nic, bridge: bridge(nic.bridge) })) };
}

interface Seen {
  readonly vm: string;
  readonly files: string;
  readonly others: string;
  readonly provider: string;
}

/** What a plan does to the VM of an edit and to what belongs to it. */
function seen(plan: Plan, path: string): Seen {
  const mine = plan.resource_changes.filter(({ name }) => /^[er](\d+)_/.exec(name)?.[1] === slug(path).slice(1));
  const actions = (type: RegExp): string =>
    [...new Set(mine.filter((one) => type.test(one.type)).flatMap((one) => one.change.actions))]
      .filter((action) => action !== "no-op")
      .sort()
      .join("+");
  const address = mine.find(({ type }) => /_vm$/.test(type))?.address;
  const resource = plan.configuration.root_module.resources.find((one) => one.address === address);
  return {
    vm: actions(/^proxmox_virtual_environment_vm$/),
    files: actions(/^proxmox_virtual_environment_file$/),
    others: actions(/^null_resource$/),
    provider: resource?.provider_config_key ?? "",
  };
}

function effectOf(before: Seen, after: Seen): Effect {
  if (after.vm === "create+delete") return "replaces";
  const touched = after.vm !== "" || after.files !== "" || after.others !== "" || before.provider !== after.provider;
  return touched ? "in-place" : "create-only";
}

/** The configuration with its state in its own folder, which goes away with the test. */
function stateHere(build: (app: App) => TerraformStack): unknown {
  const json = synthJson(build);
  return { ...json, terraform: { ...json.terraform, backend: { local: { path: "terraform.tfstate" } } } };
}

const table = (): Row[] => JSON.parse(readFileSync(join(REPOSITORY, "docs/reference/props.json"), "utf8")) as Row[];

// Design decision 4: whatever else is edited, the VM stays. The provider makes a VM anew whose cloud-init drive names
// another file, and that cannot be ignored: the VM would not start again once the old file is gone.
const MAY_REPLACE = ["name", "fleet", "receiver.fleet", "seed", "seed.datastore", "seed.userData", "seed.metaData"];

describeWith(["tofu", "tofurc"], "what an edit of each prop does", () => {
  let untouched: Plan;
  let changed: Plan;

  beforeAll(async () => {
    const folder = new TofuFolder({ "cdk.tf.json": stateHere(edited("before")), "terraform.tfvars.json": TFVARS });
    try {
      await folder.run(["init"]);
      const schemas = JSON.parse(await folder.run(["providers", "schema", "-json"])) as Schemas;
      const state = stateAfter(await planJson(folder), schemas);
      folder.write("terraform.tfstate", state);
      untouched = await planJson(folder);
      folder.write("cdk.tf.json", stateHere(edited("after")));
      changed = await planJson(folder);
    } finally {
      folder.remove();
    }
  }, 300_000);

  it("fails when the state is not what an apply leaves behind: nothing was edited, so nothing is planned", () => {
    // What tells the receiver of an end is not in such a state (support/proxmox-state.ts).
    const changes = untouched.resource_changes.filter(({ type }) => type !== "terraform_data");
    const actions = changes.filter(({ change }) => change.actions.join() !== "no-op");
    expect(actions.map(({ address, change }) => `${address} ${change.actions.join()}`)).toEqual([]);
  });

  it("fails when an edit does something else than docs/reference/props.json says", () => {
    const observed = paths.map((prop) => [prop, effectOf(seen(untouched, prop), seen(changed, prop))]);
    const said = table().map(({ prop, effect }) => [prop, effect]);
    expect(Object.fromEntries(observed)).toEqual(Object.fromEntries(said));
  });

  it("fails when the table does not say when an edit of the seed takes effect", () => {
    for (const prop of paths) {
      const { vm, files } = seen(changed, prop);
      const note = table().find((row) => row.prop === prop)?.note ?? "";
      if (vm === "" && files !== "")
        expect([prop, note]).toEqual([prop, expect.stringContaining("when Proxmox next starts the VM")]);
    }
  });

  it("fails when anything but a VM's identity and where its seed is replaces it", () => {
    const replacing = paths.filter((prop) => seen(changed, prop).vm.includes("delete"));
    expect(replacing.sort()).toEqual([...MAY_REPLACE].sort());
  });
});
