// One machine's life, in as few boots as it takes: what goes wrong, what is said of it, and how it goes on.
import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { Schedule } from "../../lib";
import { expectSoundBoot, generationOf, type Testbed } from "./testbed";
import type { Machine, SeedTexts } from "../../lab/machine/machine";
import { FAILING, GOOD, SLOW } from "./playbooks";
import type { Delivery } from "../../lab/services/recorder";
import { expectShown } from "./shown";
import { problemsOf } from "./stream";

type Event = Delivery["event"];

const RUN_MS = 480_000;
const LOOK_MS = 3_000;

/** What a machine goes through, and what its receiver knows of it. */
export class Life {
  private stream: unknown;
  private readonly commits: string[] = [];

  public constructor(
    private readonly testbed: Testbed,
    private readonly machine: Machine,
    private readonly vm: string,
  ) {}

  /** Nobody listens while it configures itself; what it said meanwhile comes afterwards, all of it. */
  public async firstBootUnheard(): Promise<string> {
    const { testbed, machine, vm } = this;
    const good = this.commit(GOOD);
    testbed.recorder.down = true;
    machine.boot(await this.seed("one", "1m"));
    await machine.until("there is a login prompt", () => / login: /.test(machine.console()));
    await machine.until("the first run has ended well", () => this.ended("changed-intentional"), RUN_MS);
    const configured = machine.seconds;
    assert.deepEqual(testbed.deliveries(vm), []);
    this.shown("status-unheard", await this.statusAtRest());
    testbed.recorder.down = false;
    // The machine's next attempt may be a minute away; meanwhile its timer finds something to do.
    this.commit(FAILING);
    const [succeeded] = await testbed.told(machine, vm, "run.succeeded", 1);
    assert.deepEqual([succeeded?.data.applied_sha, succeeded?.data.exit_code], [good, 0]);
    const [booted] = await testbed.told(machine, vm, "vm.booted", 1);
    assert.equal(booted?.data.first_boot, true);
    assert.deepEqual(problemsOf(this.taken()), []);
    this.stream = booted?.data.stream;
    assert.equal(await machine.read("cat /srv/configured"), "one");
    this.shown("cloud-init", await machine.read("grep nexus-pull /var/log/cloud-init-output.log"));
    this.shown("log", await machine.read("cat /var/log/ansible-pull.log"));
    this.shown("events", (await this.stored()).map(({ data, type }) => `${String(data.seq)} ${type}`).join("\n"));
    this.shown("console", this.console());
    return `run.succeeded after ${configured} s with the receiver down; all events came after ${machine.seconds} s`;
  }

  /** The timer finds a commit whose playbook fails. */
  public async failingCommit(): Promise<string> {
    const { testbed, machine, vm } = this;
    const [good, bad] = this.commits;
    const [failed] = await testbed.told(machine, vm, "run.failed", 1);
    const { reason, message, exit_code, intended_sha, applied_sha } = failed?.data ?? {};
    assert.deepEqual([reason, exit_code, intended_sha, applied_sha], ["task_failed", 2, bad, good]);
    assert.match(String(message), /^task 'Accept the licence' \(site\.yml:\d+\): the licence is not accepted$/);
    await this.expectRun(failed, { outcome: "failed", reason, trigger: "timer", intended_sha: bad });
    this.shown("status-failed", await this.statusAtRest());
    this.shown("console-failed", this.console());
    return `a failing commit, found by the timer: run.failed, ${String(reason)}, ${String(message)}`;
  }

  /** A fetch that gets nowhere is said, with its reason; and the next one that does mends all of it. */
  public async gitUnreachable(): Promise<string> {
    const { testbed, machine, vm } = this;
    testbed.git.down = true;
    const mended = this.commit(`${GOOD}# mended\n`);
    const away = (): Event | undefined =>
      this.events("run.failed").find((event) => event.data.reason !== "task_failed");
    await machine.until("the fetch has failed", () => away() !== undefined, RUN_MS);
    const { reason, message } = away()?.data ?? {};
    assert.equal(reason, "git_unreachable", String(message));
    assert.match(String(message), /^git fetch http:\/\//);
    await this.expectRun(away(), { outcome: "failed", reason });
    testbed.git.down = false;
    const [, recovered] = await testbed.told(machine, vm, "run.succeeded", 2);
    assert.equal(recovered?.data.applied_sha, mended);
    await this.expectRun(recovered, { outcome: "unchanged", applied_sha: mended });
    return `no way to Git: ${String(reason)}, ${String(message)}; then run.succeeded by itself`;
  }

  /** The plug is pulled in the middle of a task; the seed is a newer one when the power comes back. */
  public async powerCut(): Promise<string> {
    const { testbed, machine, vm } = this;
    const slow = this.commit(SLOW);
    const atWork = async (): Promise<boolean> => this.look("test -e /run/at-work && echo yes", /yes/);
    await machine.until("a task is at work", atWork, RUN_MS);
    await machine.kill();
    const seed = await this.seed("two", "30m");
    machine.boot(seed);
    const [, booted] = await testbed.told(machine, vm, "vm.booted", 2);
    const { first_boot, stream, generation, boot_id } = booted?.data ?? {};
    assert.deepEqual([first_boot, stream, generation], [false, this.stream, generationOf(seed)]);
    const [interrupted] = await testbed.told(machine, vm, "run.interrupted", 1);
    const { reason, intended_sha, last_task } = interrupted?.data ?? {};
    assert.deepEqual([reason, intended_sha], ["machine_restarted", slow]);
    assert.equal((last_task as { task?: string } | undefined)?.task, "Leave a mark");
    const [, , succeeded] = await testbed.told(machine, vm, "run.succeeded", 3);
    assert.deepEqual([succeeded?.data.applied_sha, succeeded?.data.boot_id], [slow, boot_id]);
    assert.equal(await machine.read("cat /srv/configured"), "two", "the newer generation's variables");
    await this.expectOneBootstrap(boot_id);
    await this.expectRun(interrupted, { outcome: "interrupted", reason, intended_sha: slow });
    await this.expectRun(succeeded, { trigger: "settings_changed", applied_sha: slow });
    await this.expectPhase("Configured");
    await expectSoundBoot(machine);
    return `the power cut in a task: run.interrupted (${String(reason)}), and run.succeeded after ${machine.seconds} s`;
  }

  /** What an administrator types who does not want to wait for the timer. */
  public async runNow(): Promise<string> {
    const { testbed, machine, vm } = this;
    const begun = machine.seconds;
    await machine.read("systemctl start nexus-pull", RUN_MS);
    const succeeded = (await testbed.told(machine, vm, "run.succeeded", 4))[3];
    await this.expectRun(succeeded, { outcome: "unchanged", trigger: "manual" });
    this.shown("status-now", (await machine.shell("nexus-pull-agent status")).output);
    const response = await fetch(`${testbed.receiver.base}/status`);
    this.shown("receiver", JSON.stringify(await response.json(), null, 2));
    return `run now, by hand: ${String(succeeded?.data.outcome)} after ${machine.seconds - begun} s`;
  }

  /** Every event of the machine, as the receiver's own log has it. */
  public async expectWhole(): Promise<string> {
    const spool = async (): Promise<boolean> => this.look("ls /var/lib/nexus-pull/spool/*.json", /No such file/);
    await this.machine.until("nothing waits", spool, RUN_MS);
    const taken = this.taken();
    assert.deepEqual(problemsOf(taken), []);
    const seqs = (await this.stored()).map(({ data }) => data.seq);
    assert.deepEqual(
      seqs,
      seqs.map((_, index) => index + 1),
      "the receiver's log",
    );
    assert.equal(seqs.length, new Set(taken.map(({ id }) => id)).size);
    return `${seqs.length} events, none missing, none twice, in order`;
  }

  private commit(playbook: string): string {
    const commit = this.testbed.git.commit(this.vm, { "site.yml": playbook });
    this.commits.push(commit);
    return commit;
  }

  private seed(greeting: string, interval: string): Promise<SeedTexts> {
    const schedule = Schedule.every(interval, { jitter: "1s" });
    return this.testbed.seed(this.vm, { schedule, extraVars: { greeting } }, this.vm);
  }

  /** All that the receiver took, in the order in which it did. */
  private taken(): readonly Event[] {
    return this.testbed.accepted(this.vm).map(({ event }) => event);
  }

  private events(type: string): readonly Event[] {
    return this.taken().filter((event) => event.type === `io.nexus-pull.${type}`);
  }

  /** Lines that came while there was a prompt stand behind it. */
  private console(): string {
    return this.machine.console().replace(/^\S+ login: (?=\S)/gm, "");
  }

  private async ended(outcome: string): Promise<boolean> {
    const answer = await this.machine.shell("cat /var/lib/nexus-pull/state.json 2>/dev/null");
    const said = /nexus-pull: (?:run|bootstrap) (?:failed|refused|interrupted|FAILED).*/.exec(this.machine.console());
    if (said !== null) throw new Error(said[0]);
    const state = answer.output === "" ? {} : (JSON.parse(answer.output) as { last_success?: unknown });
    if (state.last_success !== undefined && answer.output.includes(`"${outcome}"`)) return true;
    await sleep(LOOK_MS);
    return false;
  }

  /** Between two runs, which the timer would begin at any moment. */
  private async statusAtRest(): Promise<string> {
    const { machine } = this;
    await machine.read("systemctl stop nexus-pull.timer");
    const state = "systemctl show --value --property=ActiveState nexus-pull.service";
    await machine.until("no run goes on", () => this.look(state, /^(?:inactive|failed)$/m), RUN_MS);
    const { output } = await machine.shell("nexus-pull-agent status");
    // Its time has passed meanwhile, so that it begins a run at once.
    await machine.read("systemctl start nexus-pull.timer");
    return output;
  }

  private async look(command: string, wanted: RegExp): Promise<boolean> {
    if (wanted.test((await this.machine.shell(command)).output)) return true;
    await sleep(LOOK_MS);
    return false;
  }

  private async expectOneBootstrap(boot: unknown): Promise<void> {
    const all = await this.stored();
    const bootstraps = all.filter(({ type }) => type.includes(".bootstrap."));
    assert.ok(bootstraps.length > 1, "the first boot's");
    assert.deepEqual(
      bootstraps.filter(({ data }) => data.boot_id === boot),
      [],
      "a second bootstrap",
    );
  }

  private async stored(): Promise<readonly Event[]> {
    const path = `/events?vm=${this.vm}&limit=1000`;
    const page = await this.testbed.receiver.json<{ events: { event: Event }[]; next?: string }>(path);
    return page.events.map(({ event }) => event).filter(({ data }) => data.seq !== undefined);
  }

  /** What the receiver made of a run. */
  private async expectRun(event: Event | undefined, wanted: Readonly<Record<string, unknown>>): Promise<void> {
    type Run = Readonly<Record<string, unknown>>;
    const { runs } = await this.testbed.receiver.json<{ runs: readonly Run[] }>(`/status/${this.vm}`);
    const run = runs.find(({ run_id }) => run_id === event?.data.run_id) ?? {};
    const found = Object.fromEntries(Object.keys(wanted).map((name) => [name, run[name]]));
    assert.deepEqual(found, wanted);
  }

  /** Only where no timer begins another run meanwhile. */
  private async expectPhase(phase: string): Promise<void> {
    const found = await this.testbed.receiver.json<{ phase: string }>(`/status/${this.vm}`);
    assert.equal(found.phase, phase);
  }

  private shown(name: string, seen: string): void {
    expectShown(name, seen, this.machine.folder);
  }
}
