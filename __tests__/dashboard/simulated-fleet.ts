// A fleet with a morning behind it: what a few hundred VMs said, in the order of time, so that a receiver can be told it
// within seconds. Deterministic.
import type { RosterEntry } from "@nexus-pull/contract";
import { putRoster } from "../../receiver/src/engine/commands";
import type { Engine } from "../../receiver/src/engine/engine";
import { event, type FakeClock, say } from "../../receiver/src/test-support";
import { randomOf } from "../../lab/services/receiver-client";
import { AUTH_FAILED, evidence, hex, Life, NEW, OLD, type Step, TASK_FAILED } from "./life";

type Story = (life: Life, spread: number) => void;
const well: Story = (life, spread) =>
  void life
    .start(175, OLD)
    .succeed(95 + spread, OLD, 0)
    .beats(150, 110, 70, 32, 4 + spread / 10);

/** How many, and what befell them. */
const STORIES: readonly (readonly [count: number, fleet: string, role: string, story: Story])[] = [
  [44, "prod", "web", (life, spread) => well(life, spread)],
  [
    12,
    "prod",
    "db",
    (life, spread) =>
      void life
        .start(175, OLD)
        .beats(150, 110, 70)
        .succeed(38 - spread / 2, NEW, 3)
        .beats(6),
  ],
  [36, "prod", "app", (life, spread) => well(life, spread)],
  [8, "prod", "cache", (life, spread) => well(life, spread)],
  [
    4,
    "prod",
    "edge",
    (life, spread) =>
      void life
        .start(175, OLD)
        .beats(150, 110, 70, 36)
        .fail(11 - spread / 8, NEW, TASK_FAILED)
        .beats(3),
  ],
  [
    3,
    "prod",
    "lb",
    (life, spread) =>
      void life
        .start(175, OLD)
        .beats(150, 110, 70)
        .succeed(24 - spread, OLD, 1)
        .beats(5),
  ],
  [
    2,
    "prod",
    "bastion",
    (life) => {
      const run_id = life.start(175, OLD).beats(150, 110, 70, 35).begin(21, OLD, "timer", "audit");
      life
        .tell(20, "drift.detected", {
          run_id,
          mode: "audit",
          intended_sha: OLD,
          duration_s: 33,
          evidence: evidence(64, 2),
          drifted_tasks: [
            { role: "sshd", task: "Deploy sshd_config", host: "localhost", path: "roles/sshd/tasks/main.yml:9" },
          ],
          diff_summary: { files: ["/etc/ssh/sshd_config"], lines_added: 1, lines_removed: 2 },
        })
        .beats(4);
    },
  ],
  [2, "prod", "mon", (life) => void life.start(175, OLD).beats(150, 110, 75)],
  [
    11,
    "staging",
    "web",
    (life, spread) =>
      void life
        .start(175, OLD)
        .beats(150, 110, 70, 36)
        .fail(18 - spread / 3, NEW, AUTH_FAILED)
        .beats(2),
  ],
  [40, "staging", "app", (life, spread) => well(life, spread)],
  [
    1,
    "staging",
    "build",
    (life) =>
      void life
        .boot(16)
        .tell(15.7, "bootstrap.started", { deadline_s: 1800, steps: ["git", "ansible_core"] })
        .tell(13, "bootstrap.step", {
          step: "git",
          status: "retrying",
          attempt: 3,
          reason: "package_lock_timeout",
          message: "apt-get: could not get lock /var/lib/dpkg/lock-frontend, held by process 812 (unattended-upgr)",
        })
        .tell(9, "bootstrap.failed", {
          step: "git",
          reason: "package_lock_timeout",
          message: "apt-get: could not get lock /var/lib/dpkg/lock-frontend, held by process 812 (unattended-upgr)",
          attempts: 5,
        }),
  ],
  [3, "staging", "gpu", () => undefined],
  [
    1,
    "staging",
    "ops",
    (life) =>
      void life
        .start(175, OLD)
        .beats(150, 110, 70, 33)
        .tell(7.1, "run.queued", { run_id: "run-ops", trigger: "timer" })
        .tell(7, "run.source.rejected", {
          run_id: "run-ops",
          reason: "signer_unknown",
          policy: "ssh",
          message: `commit ${NEW.slice(0, 12)} is signed by SHA256:kX0…, which is not among the allowed signers`,
        })
        .beats(2),
  ],
  [48, "dev", "runner", (life, spread) => well(life, spread)],
  [
    5,
    "dev",
    "new",
    (life, spread) => {
      life.boot(6 - spread / 8).bootstrap(5.6 - spread / 8);
      life.begin(1.5, NEW, "first_boot");
      life.tell(0.4, "run.progress", {
        run_id: `run-${hex(`${life.vm}0`, 8)}`,
        tasks_run: 21,
        changed: 8,
        task: "Install packages",
      });
    },
  ],
  [
    3,
    "dev",
    "try",
    (life) => void life.boot(1.2).tell(0.9, "bootstrap.started", { deadline_s: 1800, steps: ["git", "ansible_core"] }),
  ],
  [2, "dev", "next", () => undefined],
];

interface Plan {
  readonly steps: readonly Step[];
  /** By fleet; `late` are announced hours ago and never boot. */
  readonly rosters: ReadonlyMap<string, RosterEntry[]>;
  readonly late: ReadonlyMap<string, RosterEntry[]>;
}

function plan(): Plan {
  const random = randomOf(7);
  const rosters = new Map<string, RosterEntry[]>();
  const late = new Map<string, RosterEntry[]>();
  const lives: Life[] = [];
  STORIES.forEach(([count, fleet, role, story], group) => {
    for (let i = 0; i < count; i += 1) {
      const vm = `${role}-${String(i + 1).padStart(2, "0")}`;
      const life = new Life(fleet, vm, `192.0.2.${(group * 50 + i + 1) % 255}`, random);
      story(life, random() * 20);
      lives.push(life);
      const entry = { name: vm, instance_id: `iid-${fleet}-${vm}`, deadline_s: 3600, ref: "main" };
      const into = role === "next" || role === "try" || role === "new" ? late : rosters;
      into.set(fleet, [...(into.get(fleet) ?? []), entry]);
    }
  });
  const steps = lives.flatMap((life) => life.steps).sort((a, b) => b.ago - a.ago);
  return { steps, rosters, late };
}

async function announce(engine: Engine, fleet: string, id: string, entries: readonly RosterEntry[]): Promise<void> {
  const body = Buffer.from(JSON.stringify(entries));
  await engine.submit(putRoster({ id, fleet, body }, entries));
}

/** Tells an engine all of it; afterwards the clock stands at `now`. */
export async function simulate(engine: Engine, clock: FakeClock, now: number): Promise<void> {
  const { steps, rosters, late } = plan();
  const seqs = new Map<string, number>();
  const at = (ago: number): number => now - ago * 60_000;
  clock.now = at(180);
  for (const [fleet, entries] of rosters)
    await announce(engine, fleet, `roster-${fleet}-1`, [...entries, { ...entries[0]!, name: "legacy-01" }]);
  let ticked = 180;
  let isLate = false;
  for (const { ago, fleet, vm, type, data } of steps) {
    clock.now = at(ago);
    if (ticked - ago > 5) await engine.tick();
    if (ticked - ago > 5) ticked = ago;
    if (!isLate && ago < 8) {
      isLate = true;
      for (const [name, entries] of rosters)
        await announce(engine, name, `roster-${name}-2`, [...entries, ...(late.get(name) ?? [])]);
    }
    const key = `${fleet}/${vm}`;
    const seq = (seqs.get(key) ?? 0) + 1;
    seqs.set(key, seq);
    const boot_id = `5f0c6f0a-3a0e-4c0b-9d86-${hex(key, 12)}`;
    const instance_id = `iid-${fleet}-${vm}`;
    const uptime_s = Math.round((200 - ago) * 60);
    const more = { ...data, boot_id, instance_id, uptime_s };
    await say(engine, event(type, { fleet, vm, seq, stream: hex(key, 32), data: more }));
  }
  clock.now = now;
  await engine.tick();
}

/** Many VMs, most of them well, in a moment. */
export async function simulateMany(engine: Engine, count: number): Promise<void> {
  const failing = ["task_failed", "git_auth_failed", "dns_failure", "timeout"];
  const told = Array.from({ length: count }, async (_, i) => {
    const vm = `vm-${String(i + 1).padStart(5, "0")}`;
    const fleet = ["prod", "staging", "dev"][i % 3] ?? "";
    const of = { fleet, vm, stream: hex(vm, 32) };
    const addresses = [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`];
    const last =
      i % 97 === 0
        ? event("run.failed", {
            ...of,
            seq: 2,
            data: { reason: failing[(i / 97) % 4], message: `something broke on ${vm}` },
          })
        : event("run.succeeded", { ...of, seq: 2 });
    await say(engine, event("vm.booted", { ...of, data: { addresses } }));
    if (i % 50 !== 1) await say(engine, last);
  });
  await Promise.all(told);
}
