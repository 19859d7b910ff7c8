// Streams: which machine speaks for a VM, and which must not any more.
import { setEffects, setPhase } from "./cell";
import { type Data, type LogRecord, numberOf, textOf } from "./log";
import { type Gone, type Machine, type Next, rosterDeadline, type VmState, type Whole } from "./state";

const FLAGS_KEPT = 500;

/** Whether the log cannot have it yet: its stream waits for nothing, and has not come so far. */
export function isNews(state: VmState | undefined, { stream, seq }: { stream: string; seq: number }): boolean {
  const machine = state?.machines[stream];
  return machine !== undefined && seq >= machine.next && !state?.held.some((held) => held.stream === stream);
}

/** What is known of a machine, with what it says now. Of one shape, as all that the fold makes: `Whole` has why. */
function factsOf(data: Data, before: Data): Data {
  return {
    addresses: data["addresses"] ?? before["addresses"],
    agent_version: data["agent_version"] ?? before["agent_version"],
    ansible_version: data["ansible_version"] ?? before["ansible_version"],
    generation: data["generation"] ?? before["generation"],
    hostname: data["hostname"] ?? before["hostname"],
    os: data["os"] ?? before["os"],
    spool: data["spool"] ?? before["spool"],
    disk_free_mib: data["disk_free_mib"] ?? before["disk_free_mib"],
    reboot_required: data["reboot_required"] ?? before["reboot_required"],
    uptime_s: data["uptime_s"] ?? before["uptime_s"],
    clock_synced: data["clock_synced"] ?? before["clock_synced"],
  };
}

/** The machine after one more of its events. */
export function heardFrom(machine: Machine | undefined, record: LogRecord): Whole<Machine> {
  const { data } = record;
  return {
    stream: record.stream,
    instance_id: textOf(data["instance_id"]) ?? "",
    first: machine?.first ?? record.position,
    gone: machine?.gone,
    next: record.seq + 1,
    boot_id: textOf(data["boot_id"]) ?? "",
    heard: Math.max(machine?.heard ?? 0, record.received),
    heartbeat_s: numberOf(data["heartbeat_s"]) ?? machine?.heartbeat_s,
    // What a machine that is gone says of itself is nobody's fact.
    facts: machine?.gone === undefined ? factsOf(data, machine?.facts ?? {}) : machine.facts,
  };
}

export function putMachine(next: Next, machine: Machine): void {
  next.machines = { ...next.machines, [machine.stream]: machine };
}

function gone(machine: Machine, why: Gone): Machine {
  return { ...machine, gone: why, facts: {} };
}

/** What only the machine that was current had proved or begun. */
function forget(next: Next): void {
  next.current = undefined;
  next.applied_sha = undefined;
  next.intended_sha = undefined;
  next.proved = undefined;
  next.failed_sha = undefined;
  next.runs = [];
  next.deadlines = rosterDeadline(next.deadlines.roster);
}

/** Every machine so far is gone: released, or another instance is expected. */
export function releaseMachines(next: Next): void {
  const released = Object.values(next.machines).map(
    (machine) => [machine.stream, machine.gone === undefined ? gone(machine, "stream_released") : machine] as const,
  );
  next.machines = Object.fromEntries(released);
  forget(next);
}

/** A stream that was never seen before becomes the current machine; the one before it is superseded. */
export function join(next: Next, record: LogRecord): void {
  const old = next.current === undefined ? undefined : next.machines[next.current];
  if (old !== undefined) supersede(next, old, record);
  next.current = record.stream;
}

function supersede(next: Next, old: Machine, record: LogRecord): void {
  putMachine(next, gone(old, "stream_superseded"));
  forget(next);
  // Kept, for when the VM comes back into the roster: it must not be taken for the older machine then.
  if (next.phase === "Retired") return;
  setEffects(next, ["awaited"], record);
  setPhase(next, "Expected", "awaited", undefined, record.received);
}

export function impostorKey(stream: string, bootId: string): string {
  return `${stream}/${bootId}`;
}

/** A machine that is gone spoke: noted once a boot, until the log has a vm.impostor of it. */
export function suspect(next: Next, record: LogRecord, reason: Gone): void {
  const stream = record.stream;
  const boot_id = textOf(record.data["boot_id"]) ?? "";
  const key = impostorKey(stream, boot_id);
  if (next.flagged.includes(key) || next.suspects[key] !== undefined) return;
  next.suspects = { ...next.suspects, [key]: { stream, boot_id, event_id: record.id, reason } };
}

/** Key under which a vm.impostor counts once. */
function flagOf(record: LogRecord): string {
  const claimed = textOf(record.data["claimed_vm"]);
  const hour = Math.floor(record.received / 3_600_000);
  if (claimed !== undefined) return foreignKeyFlag(claimed, hour);
  return impostorKey(record.stream, textOf(record.data["boot_id"]) ?? "");
}

export function foreignKeyFlag(claimed: string, hour: number): string {
  return `key/${claimed}/${hour}`;
}

export function flag(next: Next, record: LogRecord): void {
  const key = flagOf(record);
  next.impostors += 1;
  next.suspects = Object.fromEntries(Object.entries(next.suspects).filter(([name]) => name !== key));
  next.flagged = [...next.flagged.filter((one) => one !== key), key].slice(-FLAGS_KEPT);
}
