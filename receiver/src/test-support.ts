// Events, clocks and engines for the tests of this room.
import { signedHeaders as headersOf } from "@nexus-pull/client";
import { deriveVmKey, type Event, lifecycle } from "@nexus-pull/contract";
import { type Data, isFromAgent, type LogRecord, recordOf } from "./domain/log";
import { project } from "./domain/project";
import type { VmState } from "./domain/state";
import { takeEvents } from "./engine/commands";
import { Engine } from "./engine/engine";
import type { Incoming } from "./engine/transaction";
import type { Store } from "./store/port";

export const SECRET = "operator-secret-0123456789abcdef";
export const T0 = Date.parse("2026-01-01T00:00:00Z");
export const A = "a".repeat(32);
export const B = "b".repeat(32);
export const COMMIT = "1".repeat(40);
export const OTHER_COMMIT = "2".repeat(40);
export const DIGEST = "d".repeat(64);
const BOOT = "5f0c6f0a-3a0e-4c0b-9d86-0d5a1c2b3e4f";

const evidence = { hosts_matched: 1, tasks_run: 5, changed: 2, failed: 0 };
const run = { run_id: "run-1", mode: "apply", intended_sha: COMMIT };
const ended = { ...run, duration_s: 7, evidence, config_digest: DIGEST };

/** The least that the schema wants of each type. */
export const DATA: Readonly<Record<string, Data>> = {
  "vm.booted": { addresses: ["192.0.2.10"], agent_version: "0.1.0", first_boot: true },
  "bootstrap.started": { deadline_s: 600 },
  "bootstrap.step": { step: "git", status: "done" },
  "bootstrap.succeeded": { duration_s: 3, ansible_version: "2.17.0" },
  "bootstrap.failed": { step: "git", reason: "package_failed", message: "no such package" },
  "run.queued": { run_id: "run-1", trigger: "timer" },
  "run.skipped": { run_id: "run-1", reason: "up_to_date" },
  "run.source.verified": { run_id: "run-1", intended_sha: COMMIT, policy: "none" },
  "run.source.rejected": { run_id: "run-1", reason: "signer_unknown", message: "no signature", policy: "ssh" },
  "run.started": { ...run, playbooks: ["site.yml"], timeout_s: 1200 },
  "run.progress": { run_id: "run-1", tasks_run: 3 },
  "run.succeeded": { ...ended, applied_sha: COMMIT, exit_code: 0, outcome: "changed-intentional" },
  "run.failed": { ...ended, reason: "task_failed", message: "a task failed", outcome: "failed" },
  "run.interrupted": { ...run, reason: "terminated", outcome: "interrupted" },
  "vm.heartbeat": { addresses: ["192.0.2.10"], agent_version: "0.1.0", spool: { events: 0, dropped: 0 } },
  "drift.detected": { ...ended, mode: "audit", drifted_tasks: [] },
  "vm.expected": { roster_id: "roster-1", instance_id: "iid-1", deadline_s: 1800, ref: "main" },
  "vm.retired": { roster_id: "roster-2" },
  "vm.released": { release_id: "release-1" },
  "vm.overdue": { deadline: "roster", phase: "Booted", reason: "overdue_roster" },
  "vm.stale": { silent_s: 3000, phase: "Configured", reason: "silent" },
  "vm.recovered": { phase: "Configured", stream: A },
  "vm.impostor": { reason: "stream_superseded", stream: B, boot_id: BOOT },
  "vm.acknowledged": { request_id: "acknowledge-01", phase: "Failed", reason: "task_failed" },
};

export interface Spoken {
  readonly stream?: string;
  readonly seq?: number;
  readonly vm?: string;
  readonly fleet?: string;
  readonly data?: Data;
}

/** An event as its maker makes it. */
export function event(type: string, { stream = A, seq = 1, vm = "nexus-01", fleet = "dev", data }: Spoken = {}): Event {
  const fromAgent = isFromAgent({ type });
  const agent = { instance_id: "iid-1", stream, seq, boot_id: BOOT, uptime_s: 1, clock_synced: true };
  return {
    specversion: "1.0",
    id: fromAgent ? `${stream}-${seq}` : `receiver-${type}-${seq}`,
    source: `/fleets/${fleet}/vms/${vm}`,
    type: lifecycle.type_prefix + type,
    time: "2026-01-01T00:00:00Z",
    datacontenttype: "application/json",
    data: { fleet, vm, ...(fromAgent ? agent : {}), ...DATA[type], ...data },
  } as unknown as Event;
}

export const incoming = (one: Event): Incoming => ({ event: one, text: JSON.stringify(one) });

/** A log of one VM: agents' events get their seq by themselves unless they say another. */
export function logOf(...steps: readonly (readonly [type: string, spoken?: Spoken])[]): LogRecord[] {
  const next = new Map<string, number>();
  return steps.map(([type, spoken = {}], index) => {
    const stream = spoken.stream ?? A;
    const seq = spoken.seq ?? (isFromAgent({ type }) ? (next.get(stream) ?? 1) : index + 1);
    if (isFromAgent({ type })) next.set(stream, seq + 1);
    const made = event(type, { ...spoken, seq });
    return recordOf(made, JSON.stringify(made), index + 1, T0 + index * 1000);
  });
}

/** What a log comes to when no gap is waited for any more. */
export const folded = (records: readonly LogRecord[]): VmState => project(records, T0 + 10_000_000);

export class FakeClock {
  public now = T0;
  public read = (): number => this.now;
  public pass(seconds: number): void {
    this.now += seconds * 1000;
  }
}

/** States are kept so seldom that most are behind, and so often that each is kept now and then. */
const BEHIND_AT_MOST = 3;

export async function openEngine(store: Store, clock: FakeClock, behindAtMost = BEHIND_AT_MOST): Promise<Engine> {
  return Engine.open({ store, now: clock.read, lingerMs: 0, behindAtMost });
}

export const say = (engine: Engine, ...events: readonly Event[]) => engine.submit(takeEvents(events.map(incoming)));

export function signedHeaders(
  body: Uint8Array | string,
  id: string,
  seconds: number,
  key?: string,
): Record<string, string> {
  return headersOf(key ?? deriveVmKey(SECRET, "dev", "nexus-01"), { id, seconds, body });
}
