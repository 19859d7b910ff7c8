// The claims that only a real machine can settle.
import { strict as assert } from "node:assert";
import { expectSoundBoot, generationOf, microseconds, type Testbed } from "./testbed";
import { Life } from "./life";
import type { Machine, SeedTexts } from "../../lab/machine/machine";

/** Says in one line what was seen; throws when the claim does not hold. */
export type Case = (testbed: Testbed, machine: Machine, vm: string) => Promise<string>;

/** A line a boot in /srv/ran, and a file: both are cloud-init's once-an-instance work. */
const once = (text: string): { write_files: { path: string; content: string }[]; runcmd: string[] } => ({
  write_files: [{ path: "/srv/written", content: text }],
  runcmd: ["echo ran >>/srv/ran"],
});

const HOSTILE = 'it\'s "one" ${x} %{y} \\ 🦊';

async function expectStatus(machine: Machine, testbed: Testbed, seed: SeedTexts, vm: string): Promise<void> {
  const { output, status } = await machine.shell("nexus-pull-agent status");
  assert.equal(status, 0, output);
  assert.match(output, new RegExp(`^vm +vmtest/${vm} \\(instance vmtest-${vm}\\)$`, "m"));
  assert.match(output, new RegExp(`^generation +${generationOf(seed).slice(0, 12)}$`, "m"));
  assert.match(output, /^last run +(?:unchanged|changed-intentional|changed-corrective),/m);
  assert.match(output, new RegExp(`^ +applied_sha +${testbed.commit}$`, "m"));
}

/** What stays on the machine: the log, no unpacked seed, no secret that others can read. */
async function expectTraces(machine: Machine): Promise<void> {
  assert.match(await machine.read("cat /var/log/ansible-pull.log"), /localhost +: ok=\d+ +changed=/);
  assert.equal((await machine.shell("test -e /run/nexus-pull/seed")).status, 1, "the unpacked seed is gone");
  assert.equal(await machine.read("stat -c %a:%U /etc/nexus-pull/secrets/receiver_key"), "600:root\n");
  const { output } = await machine.shell("cloud-init status --long");
  assert.match(output, /^status: done$/m);
}

/** The run waits for the user's own commands; the boot does not wait for us. */
async function expectOrder(machine: Machine): Promise<string> {
  const final = await microseconds(machine, "cloud-final.service", "ExecMainExitTimestamp");
  const run = await microseconds(machine, "nexus-pull.service", "ExecMainStartTimestamp");
  const reached = await microseconds(machine, "multi-user.target", "ActiveEnterTimestamp");
  assert.ok(final > 0 && run >= final, `the run began at ${run}, cloud-final ended at ${final}`);
  assert.ok(reached > 0 && reached < run, `multi-user.target was reached at ${reached}, the run began at ${run}`);
  return `multi-user ${Math.round(reached / 1e6)} s, run from ${Math.round(run / 1e6)} s of the machine's clock`;
}

async function firstBoot(testbed: Testbed, machine: Machine, vm: string): Promise<{ said: string; stream: unknown }> {
  const seed = await testbed.seed(vm, {
    extraVars: { greeting: HOSTILE, home: testbed.home },
    cloudConfig: once("one"),
  });
  machine.boot(seed);
  const { event, seconds } = await testbed.event(machine, vm, 1);
  assert.equal(event.type, "io.nexus-pull.vm.booted");
  assert.equal(event.data.first_boot, true);
  assert.equal(event.data.instance_id, `vmtest-${vm}`);
  assert.equal(event.data.generation, generationOf(seed));
  assert.ok((event.data.addresses as string[]).includes("10.0.2.15"));
  const run = await testbed.run(machine, vm, 1);
  const [succeeded] = await testbed.told(machine, vm, "run.succeeded", 1);
  assert.deepEqual(
    [succeeded?.data.exit_code, succeeded?.data.intended_sha, succeeded?.data.applied_sha],
    [0, testbed.commit, testbed.commit],
  );
  assert.equal((await testbed.told(machine, vm, "bootstrap.failed", 0)).length, 0);
  assert.equal(run.call.greeting, HOSTILE);
  assert.equal(run.call.system, "Debian 12");
  assert.equal(await machine.read("cat /srv/configured"), HOSTILE);
  await expectStatus(machine, testbed, seed, vm);
  await expectTraces(machine);
  await expectSoundBoot(machine);
  const order = await expectOrder(machine);
  return {
    said: `vm.booted after ${seconds} s, run over after ${run.seconds} s (ansible-core ${String(run.call.ansible)}; ${order})`,
    stream: event.data.stream,
  };
}

async function secondBoot(testbed: Testbed, machine: Machine, vm: string, stream: unknown): Promise<string> {
  await machine.powerOff();
  const seed = await testbed.seed(vm, { extraVars: { greeting: "two", home: testbed.home }, cloudConfig: once("two") });
  machine.boot(seed);
  const { event, seconds } = await testbed.event(machine, vm, 2);
  assert.deepEqual([event.data.first_boot, event.data.stream], [false, stream]);
  assert.equal(event.data.generation, generationOf(seed));
  const run = await testbed.run(machine, vm, 2);
  assert.equal(run.call.greeting, "two");
  assert.equal(await machine.read("cat /srv/written; wc -l </srv/ran"), "one1\n", "write_files and runcmd ran once");
  await expectStatus(machine, testbed, seed, vm);
  await expectSoundBoot(machine);
  return `reboot with a newer generation: vm.booted after ${seconds} s, run over after ${run.seconds} s`;
}

/** What an administrator does to have cloud-init begin anew: to the agent it is one more boot of the same machine. */
async function cleanedBoot(testbed: Testbed, machine: Machine, vm: string, stream: unknown): Promise<string> {
  await machine.read("cloud-init clean --logs --seed");
  const seed = await testbed.seed(vm, { extraVars: { greeting: "two", home: testbed.home }, cloudConfig: once("two") });
  await machine.powerOff("reboot");
  machine.boot(seed);
  const { event, seconds } = await testbed.event(machine, vm, 3);
  assert.deepEqual([event.data.first_boot, event.data.stream], [false, stream]);
  const run = await testbed.run(machine, vm, 3);
  assert.equal(run.call.greeting, "two");
  const [, , succeeded] = await testbed.told(machine, vm, "run.succeeded", 3);
  assert.deepEqual([succeeded?.data.applied_sha, succeeded?.data.boot_id], [testbed.commit, event.data.boot_id]);
  assert.equal(await machine.read("cat /srv/written; wc -l </srv/ran"), "two2\n", "cloud-init began anew");
  const generation = generationOf(seed).slice(0, 12);
  const said = `nexus-pull: generation ${generation} is adopted already`;
  assert.ok((await machine.read("cat /var/log/cloud-init-output.log")).includes(said), said);
  await expectStatus(machine, testbed, seed, vm);
  await expectSoundBoot(machine);
  return `cloud-init clean, reboot: vm.booted after ${seconds} s, run over after ${run.seconds} s`;
}

/** An agent that arrives broken at a machine that is configured: the machine stays what it was. */
async function brokenReboot(testbed: Testbed, machine: Machine, vm: string): Promise<string> {
  await machine.powerOff();
  const seed = await testbed.seed(vm, {
    extraVars: { greeting: "three", home: testbed.home },
    cloudConfig: once("three"),
  });
  machine.boot(corrupted(seed, "NEXUS_PULL_AGENT"));
  await testbed.event(machine, vm, 4);
  const run = await testbed.run(machine, vm, 4);
  assert.equal(run.call.greeting, "two");
  assert.match(machine.console(), /nexus-pull: the seed could NOT be adopted/);
  return `reboot with a broken agent in the seed: said, ran as before after ${run.seconds} s`;
}

const reboots: Case = async (testbed, machine, vm) => {
  const first = await firstBoot(testbed, machine, vm);
  process.stdout.write(`  first boot: ${first.said}\n`);
  process.stdout.write(`  ${await secondBoot(testbed, machine, vm, first.stream)}\n`);
  process.stdout.write(`  ${await cleanedBoot(testbed, machine, vm, first.stream)}\n`);
  return brokenReboot(testbed, machine, vm);
};

const failingRuncmd: Case = async (testbed, machine, vm) => {
  const cloudConfig = { runcmd: ["exit 1"], bootcmd: ["exit 3"] };
  const seed = await testbed.seed(vm, { extraVars: { greeting: "run", home: testbed.home }, cloudConfig });
  machine.boot(seed);
  const { seconds } = await testbed.event(machine, vm, 1);
  const run = await testbed.run(machine, vm, 1);
  await expectStatus(machine, testbed, seed, vm);
  const { output } = await machine.shell("cloud-init status --long");
  assert.match(output, /^status: error$/m, "cloud-init says that the user's commands failed");
  return `vm.booted after ${seconds} s, run over after ${run.seconds} s`;
};

const hangingRuncmd: Case = async (testbed, machine, vm) => {
  // Enough refusals that only the last attempt, a minute after the first, gets through: the boot must not wait for it.
  testbed.recorder.refuse = 5;
  machine.boot(await testbed.seed(vm, { cloudConfig: { runcmd: ["sleep infinity"] } }));
  const { event, seconds } = await testbed.event(machine, vm, 1);
  const all = testbed.deliveries(vm).filter((one) => one.event.type === "io.nexus-pull.vm.booted");
  assert.equal(all.length, 6);
  assert.deepEqual([...new Set(all.map((delivery) => delivery.event.id))], [event.id], "one event, sent again");
  await expectSoundBoot(machine);
  const reached = await microseconds(machine, "multi-user.target", "ActiveEnterTimestamp");
  const sent = await microseconds(machine, "nexus-pull-flush.service", "ExecMainExitTimestamp");
  assert.ok(
    reached > 0 && reached < sent,
    `multi-user.target was reached at ${reached}, vm.booted was through at ${sent}`,
  );
  const jobs = await machine.read("systemctl list-jobs --no-legend --plain");
  assert.match(jobs, /nexus-pull\.service +start +waiting/);
  return `vm.booted got through after ${seconds} s at the sixth attempt, while the boot went on`;
};

/** The same user-data with a here-document that is no base64 any more. */
function corrupted(seed: SeedTexts, mark: string): SeedTexts {
  const userData = seed.userData.replace(new RegExp(`(<<'${mark}'\n *).{40}`), "$1!!! no base64 !!!");
  assert.notEqual(userData, seed.userData);
  return { ...seed, userData };
}

const brokenSeed: Case = async (testbed, machine, vm) => {
  machine.boot(corrupted(await testbed.seed(vm, { cloudConfig: once("one") }), "NEXUS_PULL_SEED"));
  await machine.until("the failure is on the console", () => /could NOT be adopted/.test(machine.console()));
  const said = machine.seconds;
  await machine.until("there is a login prompt", () => / login: /.test(machine.console()));
  const prompt = machine.seconds;
  await machine.until("runcmd ran", async () => (await machine.shell("test -s /srv/ran")).status === 0);
  assert.match(await machine.read("cat /var/log/cloud-init-output.log"), /adopt FAILED: seed_invalid/);
  assert.equal((await machine.shell("ls /etc/nexus-pull/agent.json /etc/systemd/system/nexus-pull*")).status, 2);
  assert.deepEqual(testbed.deliveries(vm), []);
  return `said on the console after ${said} s, login prompt after ${prompt} s, runcmd ran`;
};

const life: Case = async (testbed, machine, vm) => {
  const it = new Life(testbed, machine, vm);
  for (const step of [it.firstBootUnheard, it.failingCommit, it.gitUnreachable, it.powerCut, it.runNow]) {
    process.stdout.write(`  ${await step.call(it)}\n`);
  }
  return it.expectWhole();
};

/** By the name of the machine that each has for itself. */
export const CASES: Readonly<Record<string, Case>> = {
  "broken-seed": brokenSeed,
  "failing-runcmd": failingRuncmd,
  "hanging-runcmd": hangingRuncmd,
  life,
  reboots,
};
