// Named faults, each with a VM of its own: what goes wrong when that VM is made, edited and destroyed, and what OpenTofu says.
import type { Cluster } from "../../../lab/pve/world/cluster";
import type { FaultPlan } from "../../../lab/pve/world/faults";
import { type NexusVmPullProps, Seed } from "../../../lib";

/** A fault during one operation. */
export interface Trouble {
  /** Faults of the stand-in. */
  readonly plans?: readonly FaultPlan[];
  /** A state of the cluster, and its end. */
  readonly state?: (cluster: Cluster, broken: boolean) => void;
  /** In the diagnostics of the VM or of its snippets. */
  readonly says: RegExp;
}

/** A fault by its name. */
export interface FaultCase {
  /** @default - the VM on node pve with an id of its own */
  readonly props?: Partial<NexusVmPullProps>;
  /** What the edit changes. @default - the description */
  readonly edit?: Partial<NexusVmPullProps>;
  readonly create?: Trouble;
  readonly update?: Trouble;
  readonly destroy?: Trouble;
}

/** The ids of a case's VM and of its template. */
export interface Ids {
  readonly vm: number;
  readonly template: number;
}

// The provider tries some calls again.
const MANY = 1000;

const clone = ({ template }: Ids) => ({ method: "POST", match: `/qemu/${template}/clone$`, times: MANY });
const config = ({ vm }: Ids) => ({ method: "PUT", match: `/qemu/${vm}/config$`, times: MANY });
const destruction = ({ vm }: Ids) => ({ method: "DELETE", match: `/qemu/${vm}/?$`, times: MANY });

/** The same fault at the call that makes, edits and destroys the VM. */
function atCalls(ids: Ids, fault: FaultPlan["fault"], says: RegExp): FaultCase {
  const [create, update, destroy] = [clone, config, destruction].map((at) => ({
    plans: [{ fault, ...at(ids) }],
    says,
  }));
  return { create, update, destroy };
}

const GROWS = { diskGiB: 12 };

/** The same end of the task that makes, edits and destroys the VM. */
function inTasks(ids: Ids, text: string, says: RegExp): FaultCase {
  const ends = (match: string): Trouble => ({
    plans: [{ fault: { kind: "failed-task", text }, match, times: MANY }],
    says,
  });
  return {
    props: { diskGiB: 10 },
    edit: GROWS,
    create: ends(`^qmclone:${ids.template}$`),
    update: ends(`^resize:${ids.vm}$`),
    destroy: ends(`^qmdestroy:${ids.vm}$`),
  };
}

function privileges(ids: Ids): FaultCase {
  const denied = (path: string, name: string): FaultPlan["fault"] => ({
    kind: "answer",
    status: 403,
    text: `Permission check failed (${path}, ${name})`,
  });
  const says = (name: string) => new RegExp(`403 .*Permission check failed .*${name}`);
  return {
    create: { plans: [{ fault: denied(`/vms/${ids.template}`, "VM.Clone"), ...clone(ids) }], says: says("VM.Clone") },
    update: {
      plans: [{ fault: denied(`/vms/${ids.vm}`, "VM.Config.Options"), ...config(ids) }],
      says: says("Options"),
    },
    destroy: {
      plans: [{ fault: denied(`/vms/${ids.vm}`, "VM.Allocate"), ...destruction(ids) }],
      says: says("Allocate"),
    },
  };
}

// Each makes the provider write the snippet again.
const NEW_SEED = { extraVars: { edited: true } };

/** Nobody gets at the files of a node, which another case must not need. */
function atNode(node: string, template: number, fault: FaultPlan["fault"], says: RegExp): FaultCase {
  const trouble = { plans: [{ fault, match: `^${node}`, times: MANY }], says };
  return {
    props: { nodeName: node, templateVmId: template },
    edit: NEW_SEED,
    create: trouble,
    update: trouble,
  };
}

function full(id: string): Trouble["state"] {
  return (cluster, broken) => {
    const store = cluster.storages.get(id);
    if (store !== undefined) store.full = broken;
  };
}

function withoutSnippets(id: string): Trouble["state"] {
  return (cluster, broken) => {
    const store = cluster.storages.get(id);
    if (store !== undefined) store.content = broken ? ["images"] : ["images", "snippets"];
  };
}

function afterTheClone(ids: Ids): FaultCase {
  const text = "start failed: QEMU exited with code 1";
  const refused = { kind: "answer", status: 403, text: `Permission check failed (/vms/${ids.vm}, VM.Config.Disk)` };
  return {
    create: { plans: [{ fault: { kind: "failed-task", text }, match: `^qmstart:${ids.vm}$` }], says: /QEMU exited/ },
    update: {
      plans: [{ fault: refused as FaultPlan["fault"], ...config(ids) }],
      says: /VM.Config.Disk/,
    },
    destroy: {
      plans: [{ fault: { kind: "failed-task", text: "VM still running" }, match: `^qmstop:${ids.vm}$` }],
      says: /VM still running/,
    },
  };
}

function idRace(at: "request" | "task"): FaultCase {
  return {
    props: { vmId: undefined },
    create: { plans: [{ fault: { kind: "vmid-race", at }, match: "^10[01]$" }], says: /config file already exists/ },
  };
}

/** Once: whatever comes again finds the template free. */
function atClone(ids: Ids, text: string): FaultCase {
  return { create: { plans: [{ fault: answer(500, text), ...clone(ids), times: 1 }], says: /VM is locked/ } };
}

const NO_LOCK = (ids: Ids) => `can't lock file '/var/lock/qemu-server/lock-${ids.vm}.conf' - got timeout`;
const answer = (status: number, text: string): FaultPlan["fault"] => ({ kind: "answer", status, text });

/** All of them by name; `ids` numbers them in this order. */
export const FAULTS: Readonly<Record<string, (ids: Ids) => FaultCase>> = {
  "the lock is not had at once": (ids) => atCalls(ids, answer(500, NO_LOCK(ids)), /got timeout/),
  "the lock is not had in the task": (ids) => inTasks(ids, NO_LOCK(ids), /got timeout/),
  "the task fails": (ids) => inTasks(ids, "device busy", /device busy/),
  "Proxmox says 500": (ids) => atCalls(ids, answer(500, "got no worker upid - start worker failed"), /no worker upid/),
  "a gateway says 502": (ids) => atCalls(ids, answer(502, "Bad Gateway"), /502/),
  "the node is not reached: 596": (ids) => atCalls(ids, answer(596, "Connection refused"), /596/),
  "the connection is dropped": (ids) => atCalls(ids, { kind: "drop" }, /EOF|reset/),
  "the ticket has expired": (ids) => atCalls(ids, { kind: "expired-ticket" }, /401/),
  "a privilege is missing": privileges,
  "what comes after the clone fails": afterTheClone,
  "the storage is full": () => ({
    props: { datastore: "lvm-full", diskGiB: 10 },
    edit: GROWS,
    create: { state: full("lvm-full"), says: /no space left/ },
    update: { state: full("lvm-full"), says: /no space left/ },
  }),
  "the storage takes no snippets": () => ({
    props: { seed: Seed.snippet({ datastore: "plain" }) },
    edit: NEW_SEED,
    create: { state: withoutSnippets("plain"), says: /snippets/ },
    update: { state: withoutSnippets("plain"), says: /snippets/ },
  }),
  "SSH lets nobody in": (ids) => atNode("pve2", ids.template, { kind: "ssh-refused" }, /SSH/),
  "the SSH user has no sudo": (ids) => atNode("pve3", ids.template, { kind: "no-sudo" }, /Permission denied/),
  // Which of the two VMs gets which id is the provider's to say; both are told the same.
  "another VM takes the id before the clone is requested": () => idRace("request"),
  "another VM takes the id after the clone was requested": () => idRace("task"),
  "the template is locked": (ids) => atClone(ids, "VM is locked (backup)"),
};

export const idsOf = (name: string): Ids => {
  const index = Object.keys(FAULTS).indexOf(name);
  return { vm: 501 + index, template: 9001 + index };
};

/** A fault's case, with its ids. */
export const caseOf = (name: string): FaultCase => FAULTS[name]?.(idsOf(name)) ?? {};
