// The receiver as its users run it: a process, signals, the real agent, the stack's real scripts.
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createHash } from "node:crypto";
import { signedHeaders } from "@nexus-pull/client";
import { deriveVmKey, requestMac } from "@nexus-pull/contract";
import { start, until } from "../../lab/host/processes";
import { metric } from "../../lab/services/receiver-client";
import { Place, ReceiverProcess, ROOT, SECRET } from "../../lab/services/receiver-process";

jest.setTimeout(180_000);

const AGENT = join(ROOT, "agent/built/nexus-pull-agent");
let place: Place;
let receiver: ReceiverProcess | undefined;
beforeEach(() => (place = new Place()));
afterEach(async () => {
  await receiver?.end("SIGKILL");
  receiver = undefined;
  place.remove();
});

interface VmView {
  readonly phase: string;
  readonly reason: string;
  readonly instance_id: string;
}

/** A machine in a temporary root, as agent/tests makes it. */
class Machine {
  private readonly root = join(place.path, "root");

  public place(path: string, content: string, mode = 0o644): string {
    const full = this.root + path;
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content, { mode });
    return full;
  }

  public run(...args: string[]) {
    const env = { PATH: process.env.PATH, NEXUS_PULL_ROOT: this.root };
    return start("python3", [AGENT, ...args], { cwd: this.root, env, timeoutMs: 60_000 }).ended;
  }

  public async adopt(url: string): Promise<void> {
    this.place("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    this.place("/etc/os-release", 'ID=debian\nVERSION_ID="12"\n');
    this.place("/dev/console", "");
    this.place("/usr/bin/systemctl", "#!/bin/sh\nexit 0\n", 0o755);
    const sha256 = createHash("sha256").update(readFileSync(AGENT)).digest("hex");
    const credential = { kind: "none" };
    const verify = { policy: "none", object: "commit" };
    const modes = { playbooks: ["site.yml"], extra_vars: {}, mode: "apply", tags: [], skip_tags: [], verbosity: 0 };
    const config = {
      version: 1,
      generation: "a".repeat(64),
      identity: { fleet: "dev", vm: "nexus-01", instance_id: "iid-1" },
      source: { url: "https://git.example/r.git", ref: "main", commit: null, credential, known_hosts: [], verify },
      run: { ...modes, timeout_s: 120 },
      schedule: { interval_s: 1800, jitter_s: 300 },
      bootstrap: { deadline_s: 1800, ansible_core: {} },
      receiver: { url, heartbeat_s: 900 },
      vault: null,
      agent: { version: "0.1.0", sha256 },
    };
    const secrets = { receiver_key: deriveVmKey(SECRET, "dev", "nexus-01") };
    const seed = this.place("/seed.json", JSON.stringify({ config, secrets, files: [] }), 0o600);
    const adopted = await this.run("adopt", "--seed", seed);
    if (adopted.status !== 0) throw new Error(`adopt failed: ${adopted.stderr}${adopted.stdout}`);
  }
}

async function script(name: "request" | "wait", env: Record<string, string>) {
  const text = readFileSync(join(ROOT, "templates/receiver", `${name}.sh`), "utf8");
  const prefixed = Object.fromEntries(Object.entries(env).map(([key, value]) => [`NEXUS_PULL_${key}`, value]));
  const options = { cwd: place.path, env: { PATH: process.env.PATH, ...prefixed }, timeoutMs: 60_000 };
  return start("sh", ["-c", text], options).ended;
}

const hex = (mac: string): string => mac.slice("v1,".length);

test("the real agent boots, and /status shows it", async () => {
  receiver = await ReceiverProcess.start(place);
  const machine = new Machine();
  await machine.adopt(`${receiver.base}/webhook`);
  const booted = await machine.run("boot");
  expect([booted.status, booted.stderr]).toEqual([0, expect.anything()]);
  const flushed = await machine.run("flush", "--once");
  expect([flushed.status, flushed.stderr]).toEqual([0, expect.anything()]);
  const vm = await receiver.json<VmView>("/status/nexus-01");
  expect(vm).toMatchObject({ phase: "Booted", reason: "booted", instance_id: "iid-1" });
  expect(readFileSync(place.log, "utf8")).toMatch(/#1 dev\/nexus-01 vm\.booted -> Booted/);
});

describe("the stack's scripts", () => {
  const roster = '[{"name":"nexus-01","instance_id":"iid-1","deadline_s":1800,"ref":"main"}]';
  const put = (id: string, base: string, body = roster, secret = SECRET) => {
    const MAC = hex(requestMac(secret, { action: "roster", fleet: "dev", id, body }));
    const what = { WHAT: "the roster", EFFECT: "none", METHOD: "PUT", URL: `${base}/fleets/dev/roster` };
    return script("request", { ...what, ID: id, MAC, BODY_0: body.slice(0, 20), BODY_1: body.slice(20) });
  };

  test("announce, release and end; a wrong secret is told", async () => {
    receiver = await ReceiverProcess.start(place);
    const { base } = receiver;
    for (let i = 0; i < 2; i += 1) expect((await put("roster-01", base)).status).toBe(0);
    expect((await receiver.json<VmView>("/status/nexus-01")).phase).toBe("Expected");
    const id = "release-1";
    const MAC = hex(requestMac(SECRET, { action: "release", fleet: "dev", vm: "nexus-01", id }));
    const release = {
      WHAT: "the release",
      EFFECT: "none",
      METHOD: "POST",
      URL: `${base}/fleets/dev/vms/nexus-01/release`,
    };
    expect((await script("request", { ...release, ID: id, MAC })).status).toBe(0);
    expect((await receiver.json<VmView>("/status/nexus-01")).reason).toBe("released");
    expect((await put("roster-01-end", base, "[]")).status).toBe(0);
    expect((await receiver.json<VmView>("/status/nexus-01")).phase).toBe("Retired");
    const wrong = await put("roster-02", base, roster, "wrong");
    expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining("mac_invalid")]);
  });

  test("wait for a VM that is not known yet, and end when it is Configured", async () => {
    receiver = await ReceiverProcess.start(place);
    const { base } = receiver;
    const id = "wait-0001";
    const MAC = hex(requestMac(SECRET, { action: "wait", fleet: "dev", vm: "nexus-01", id }));
    const URL = `${base}/fleets/dev/vms/nexus-01/wait`;
    const waiting = script("wait", { WHAT: "nexus-01", URL, ID: id, MAC, TIMEOUT_S: "40" });
    await until("the wait is held open", async () => (await metric(base, "nexus_pull_waits")) === 1);
    for (const value of lifeOf()) expect((await post(base, JSON.stringify(value), value.id)).status).toBe(200);
    const done = await waiting;
    expect([done.status, done.stdout]).toEqual([0, expect.stringContaining("Configured: commit ")]);
  });
});

test("fails when the log file says of an event what a later one of its batch came to", async () => {
  receiver = await ReceiverProcess.start(place);
  const life = lifeOf();
  const id = `${life[0]?.id}-${life.length}`;
  const sent = await post(receiver.base, JSON.stringify(life), id, "application/cloudevents-batch+json");
  expect(sent.status).toBe(200);
  const said = [...readFileSync(place.log, "utf8").matchAll(/nexus-01 (\S+ -> \S+)/g)].map(([, words]) => words);
  expect(said).toEqual([
    "vm.booted -> Booted",
    ...["started", "step", "succeeded"].map((what) => `bootstrap.${what} -> Bootstrapping`),
    ...["queued", "source.verified"].map((what) => `run.${what} -> Bootstrapping`),
    ...["started", "progress"].map((what) => `run.${what} -> Configuring`),
    "run.succeeded -> Configured",
  ]);
});

/** What a VM says, from its first word to the end of its first run. */
function lifeOf(): readonly { readonly id: string }[] {
  const { valid } = JSON.parse(readFileSync(join(ROOT, "contract/examples/events.json"), "utf8")) as {
    valid: { name: string; value: { id: string } }[];
  };
  const last = valid.findIndex(({ name }) => name === "run.succeeded");
  return valid.slice(1, last + 1).map(({ value }) => value);
}

function post(base: string, body: string, id: string, type = "application/cloudevents+json"): Promise<Response> {
  const headers = signedHeaders(deriveVmKey(SECRET, "dev", "nexus-01"), { id, body, type });
  return fetch(`${base}/webhook`, { method: "POST", body, headers });
}

describe("a process", () => {
  test("fails when a damaged store starts, or is started again and again", async () => {
    receiver = await ReceiverProcess.start(place);
    await receiver.end();
    const path = join(place.data, "receiver.db");
    truncateSync(path, statSync(path).size / 2);
    const before = readFileSync(path);
    const where = ["--port", "0", "--data", place.data, "--log-file", place.log];
    const { status, stderr } = await ReceiverProcess.launch(where, { NEXUS_PULL_SECRET: SECRET }).ended;
    expect([status, stderr]).toEqual([65, expect.stringContaining(`${path} is damaged: database disk image`)]);
    expect(stderr).toContain("nexus-pull-receiver restore FILE");
    expect(readFileSync(path).equals(before)).toBe(true);
    const unit = readFileSync(join(ROOT, "receiver/deploy/webhook.service"), "utf8");
    expect(/^RestartPreventExitStatus=(.*)$/m.exec(unit)?.[1]?.split(" ")).toContain(String(status));
  });

  test("makes a secret for its owner only, and says how to use it", async () => {
    receiver = await ReceiverProcess.start(place, 0, {});
    const secret = join(place.data, "secret");
    expect(statSync(secret).mode & 0o777).toBe(0o600);
    expect(receiver.output).toContain(`cat ${secret}`);
    expect(receiver.output).not.toContain(readFileSync(secret, "utf8").trim());
  });

  test("SIGHUP reopens the log file, SIGTERM answers who waits and ends with 0", async () => {
    receiver = await ReceiverProcess.start(place);
    const { base } = receiver;
    await fetch(`${base}/webhook`, { method: "POST", body: "before" });
    renameSync(place.log, `${place.log}.1`);
    await receiver.signal("SIGHUP");
    await until("the log is there again", () => existsSync(place.log));
    await fetch(`${base}/webhook`, { method: "POST", body: "after" });
    expect(readFileSync(place.log, "utf8")).toMatch(/after$/m);
    const waiting = fetch(`${base}/fleets/dev/vms/x/wait?timeout_s=60`);
    const live = await fetch(`${base}/events/stream`);
    await until("the wait is held open", async () => (await metric(base, "nexus_pull_waits")) === 1);
    const ended = receiver.end();
    expect((await waiting).status).toBe(503);
    await live.text();
    const outcome = await ended;
    expect([outcome.status, outcome.timedOut]).toEqual([0, false]);
  });

  test("fails when a log file that cannot be opened again ends the receiver", async () => {
    const folder = join(place.path, "logs");
    mkdirSync(folder);
    receiver = await ReceiverProcess.start({ ...place, log: join(folder, "events.log"), remove: () => undefined });
    renameSync(folder, `${folder}-moved`);
    await receiver.signal("SIGHUP");
    await until("it says so", () => receiver?.output.includes("SIGHUP: going on in the old file: ENOENT") === true);
    expect((await fetch(`${receiver.base}/webhook`, { method: "POST", body: "still" })).status).toBe(202);
    expect(readFileSync(join(`${folder}-moved`, "events.log"), "utf8")).toMatch(/still$/m);
  });

  test("an operator's command finds the secret in the data folder, and its end says whether it was done", async () => {
    receiver = await ReceiverProcess.start(place, 0, {});
    const ask = (...args: string[]) =>
      ReceiverProcess.launch([...args, "--data", place.data, "--url", `${receiver?.base}`]).ended;
    const unknown = await ask("retire", "dev/nobody");
    expect([unknown.status, unknown.stderr]).toEqual([
      1,
      "nothing to retire: dev/nobody is not known there, or is retired already\n",
    ]);
    const wrong = await ask("resend", "chat");
    expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringMatching(/forwarder_unknown: no forwarder chat; /)]);
  });

  test("--check-config says every problem and ends with 78; --help with 0", async () => {
    const bad = await ReceiverProcess.launch(["--check-config", "--port", "x", "--notes", "maybe"]).ended;
    expect([bad.status, bad.stderr]).toEqual([78, expect.stringMatching(/--port[^]*--notes/)]);
    const good = await ReceiverProcess.launch(["--check-config"], { NEXUS_PULL_SECRET: SECRET }).ended;
    expect([good.status, good.stdout.includes(SECRET), good.stdout.includes('"port": 9191')]).toEqual([0, false, true]);
    expect((await ReceiverProcess.launch(["--help"]).ended).status).toBe(0);
  });
});
