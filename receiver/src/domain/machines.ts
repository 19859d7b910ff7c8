// Streams: which machine speaks for a VM, and which must not any more.
import { setEffects } from "./cell";
import { type Data, type LogRecord, numberOf, textOf } from "./log";
import { compact, type Gone, type Machine, type VmState } from "./state";

const FACTS = [
  "addresses",
  "agent_version",
  "ansible_version",
  "generation",
  "hostname",
  "os",
  "spool",
  "disk_free_mib",
  "reboot_required",
  "uptime_s",
  "clock_synced",
];
const FLAGS_KEPT = 500;

export function seqOf(record: LogRecord): number {
  return numberOf(record.data, "seq") ?? 0;
}

export function streamOf(record: LogRecord): string {
  return textOf(record.data, "stream") ?? "";
}

/** Whether the log cannot have it yet: its stream waits for nothing, and has not come so far. */
export function isNews(state: VmState | undefined, { stream, seq }: { stream: string; seq: number }): boolean {
  const machine = state?.machines[stream];
  return machine !== undefined && seq >= machine.next && !state?.held.some((held) => held.stream === stream);
}

function factsOf(data: Data, before: Data): Data {
  const facts: Record<string, unknown> = { ...before };
  for (const name of FACTS) if (data[name] !== undefined) facts[name] = data[name];
  return facts;
}

/** The machine after one more of its events. */
export function heardFrom(machine: Machine | undefined, record: LogRecord): Machine {
  const { data } = record;
  return compact<Machine>({
    stream: streamOf(record),
    instance_id: textOf(data, "instance_id") ?? "",
    first: machine?.first ?? record.position,
    gone: machine?.gone,
    next: seqOf(record) + 1,
    boot_id: textOf(data, "boot_id") ?? "",
    heard: Math.max(machine?.heard ?? 0, record.received),
    heartbeat_s: numberOf(data, "heartbeat_s") ?? machine?.heartbeat_s,
    // What a machine that is gone says of itself is nobody's fact.
    facts: machine?.gone === undefined ? factsOf(data, machine?.facts ?? {}) : machine.facts,
  });
}

export function withMachine(state: VmState, machine: Machine): VmState {
  return { ...state, machines: { ...state.machines, [machine.stream]: machine } };
}

function gone(machine: Machine, why: Gone): Machine {
  return { ...machine, gone: why, facts: {} };
}

/** What only the machine that was current had proved or begun. */
const OF_THE_MACHINE = {
  current: undefined,
  applied_sha: undefined,
  intended_sha: undefined,
  proved: undefined,
  failed_sha: undefined,
  runs: [],
};

function forget(state: VmState): VmState {
  const deadlines = compact({ roster: state.deadlines.roster });
  return compact<VmState>({ ...state, ...OF_THE_MACHINE, deadlines });
}

/** Every machine so far is gone: released, or another instance is expected. */
export function releaseMachines(state: VmState): VmState {
  const released = Object.values(state.machines).map(
    (machine) => [machine.stream, machine.gone === undefined ? gone(machine, "stream_released") : machine] as const,
  );
  return forget({ ...state, machines: Object.fromEntries(released) });
}

/** A stream that was never seen before becomes the current machine; the one before it is superseded. */
export function join(state: VmState, record: LogRecord): VmState {
  const stream = streamOf(record);
  const old = state.current === undefined ? undefined : state.machines[state.current];
  if (old === undefined) return { ...state, current: stream };
  const superseded = { ...forget(withMachine(state, gone(old, "stream_superseded"))), current: stream };
  // Kept, for when the VM comes back into the roster: it must not be taken for the older machine then.
  if (state.phase === "Retired") return superseded;
  const awaited = setEffects(superseded, ["awaited"], record).state;
  return compact<VmState>({
    ...awaited,
    phase: "Expected",
    reason: "awaited",
    message: undefined,
    remembered: undefined,
    since: record.received,
    why_since: undefined,
  });
}

export function impostorKey(stream: string, bootId: string): string {
  return `${stream}/${bootId}`;
}

/** A machine that is gone spoke: noted once a boot, until the log has a vm.impostor of it. */
export function suspect(state: VmState, record: LogRecord, reason: Gone): VmState {
  const stream = streamOf(record);
  const boot_id = textOf(record.data, "boot_id") ?? "";
  const key = impostorKey(stream, boot_id);
  if (state.flagged.includes(key) || state.suspects[key] !== undefined) return state;
  return { ...state, suspects: { ...state.suspects, [key]: { stream, boot_id, event_id: record.id, reason } } };
}

/** Key under which a vm.impostor counts once. */
function flagOf(record: LogRecord): string {
  const claimed = textOf(record.data, "claimed_vm");
  const hour = Math.floor(record.received / 3_600_000);
  if (claimed !== undefined) return foreignKeyFlag(claimed, hour);
  return impostorKey(streamOf(record), textOf(record.data, "boot_id") ?? "");
}

export function foreignKeyFlag(claimed: string, hour: number): string {
  return `key/${claimed}/${hour}`;
}

export function flag(state: VmState, record: LogRecord): VmState {
  const key = flagOf(record);
  const rest = Object.entries(state.suspects).filter(([name]) => name !== key);
  return {
    ...state,
    impostors: state.impostors + 1,
    suspects: Object.fromEntries(rest),
    flagged: [...state.flagged.filter((one) => one !== key), key].slice(-FLAGS_KEPT),
  };
}
