// Streams: which machine speaks for a VM, and which must not any more.
import { lifecycle } from "@nexus-pull/contract";
import { setEffects, setPhase } from "./cell";
import { type Data, type LogRecord, numberOf, textOf } from "./log";
import { type Contest, type Gone, type Machine, type Next, rosterDeadline, type VmState, type Whole } from "./state";

const FLAGS_KEPT = 500;
const LIMITS = lifecycle.streams.limits;
/** Enough that no two of a VM are taken for one another. */
const FORMER_CHARACTERS = 10;

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
    hardware: data["hardware"] ?? before["hardware"],
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
    disowned: machine?.disowned,
    next: record.seq + 1,
    boot_id: textOf(data["boot_id"]) ?? "",
    heard: Math.max(machine?.heard ?? 0, record.received),
    heartbeat_s: numberOf(data["heartbeat_s"]) ?? machine?.heartbeat_s,
    facts: factsOf(data, machine?.facts ?? {}),
  };
}

export function putMachine(next: Next, machine: Machine): void {
  next.machines = { ...next.machines, [machine.stream]: machine };
}

function gone(machine: Machine, why: Gone): Machine {
  return { ...machine, gone: why };
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
  next.contest = undefined;
  forget(next);
}

/** An operator named the VM's machine: all others are gone, and what was said before proves nothing. */
export function trustMachine(next: Next, stream: string): void {
  const all = Object.values(next.machines).map((machine) => {
    const known = { ...machine, gone: undefined, disowned: undefined };
    const other = { ...machine, gone: machine.gone ?? ("stream_superseded" as const), disowned: true as const };
    return [machine.stream, machine.stream === stream ? known : other] as const;
  });
  next.machines = Object.fromEntries(all);
  next.contest = undefined;
  forget(next);
  next.current = stream;
}

/** A stream that was never seen before becomes the current machine; the one before it is superseded. */
export function join(next: Next, record: LogRecord): void {
  const old = next.current === undefined ? undefined : next.machines[next.current];
  if (old !== undefined) supersede(next, old, record);
  next.current = record.stream;
  next.joined = [...next.joined, record.received].slice(-LIMITS.new_per_hour);
  dropOldest(next);
}

const formerName = (stream: string): string => stream.slice(0, FORMER_CHARACTERS);

/** Bounds what a VM's machines are: of those that are gone for long, only that they are. */
function dropOldest(next: Next): void {
  const all = Object.values(next.machines);
  if (all.length < LIMITS.kept) return;
  const [oldest] = all.filter(({ gone }) => gone !== undefined).sort((a, b) => a.first - b.first);
  if (oldest === undefined) return;
  next.machines = Object.fromEntries(Object.entries(next.machines).filter(([stream]) => stream !== oldest.stream));
  next.former = [...next.former, formerName(oldest.stream)].slice(-LIMITS.remembered);
}

/** A machine that is gone for so long that no more is known of it. */
export function formerMachine({ former }: VmState, record: LogRecord): Machine | undefined {
  if (!former.includes(formerName(record.stream))) return undefined;
  const { boot_id, instance_id, heard, first, facts } = heardFrom(undefined, record);
  return {
    stream: record.stream,
    instance_id,
    first,
    gone: "stream_superseded",
    next: record.seq,
    boot_id,
    heard,
    facts,
  };
}

/** Whether a VM has begun so many streams lately that another is refused. */
export function hasTooManyStreams(state: VmState, stream: string, now: number): boolean {
  const { machines, former, joined } = state;
  if (machines[stream] !== undefined || former.includes(formerName(stream))) return false;
  const [oldest = 0] = joined;
  return joined.length >= LIMITS.new_per_hour && now - oldest < 3_600_000;
}

/** A superseded machine speaks: which of the two is the VM's is not known as long as both do. */
export function contest(next: Next, machine: Machine, { received }: LogRecord): void {
  if (machine.gone !== "stream_superseded" || machine.disowned === true) return;
  const until = received + silenceOf(machine);
  next.contest = { stream: machine.stream, heard: received, until } satisfies Whole<Contest>;
}

/** For how long a machine may say nothing, in milliseconds. */
export function silenceOf(machine: Machine | undefined): number {
  const interval = machine?.heartbeat_s ?? lifecycle.silence.heartbeat_s_default;
  return Math.max(3 * interval, interval + 120) * 1000;
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
