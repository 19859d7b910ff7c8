// The commands that speak to a receiver, against one that runs: a VM's life is the contract's own example.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signedHeaders } from "@nexus-pull/client";
import { deriveVmKey, type Event } from "@nexus-pull/contract";
import examples from "@nexus-pull/contract/examples/events.json";
import { EXIT } from "../../cli/src/exit-codes";
import { runForTest, type Ran } from "../../cli/src/test-support";
import { Place, ReceiverProcess, SECRET } from "../../lab/services/receiver-process";

jest.setTimeout(120_000);

const STREAM = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const NAMES = [
  "vm.booted",
  "bootstrap.started",
  "bootstrap.succeeded",
  "run.queued",
  "run.source.verified",
  "run.started",
];
const CONFIGURED = [...NAMES, "run.succeeded"];
const FAILED = [...NAMES, "run.failed, task"];

let place: Place;
let receiver: ReceiverProcess;

beforeAll(async () => {
  place = new Place();
  receiver = await ReceiverProcess.start(place);
});

afterAll(async () => {
  await ReceiverProcess.endAll();
  place.remove();
});

/** The named examples as another VM says them, in order. */
async function live(vm: string, names: readonly string[], address: string): Promise<void> {
  const all = examples.valid as readonly { readonly name: string; readonly value: unknown }[];
  for (const [index, name] of names.entries()) {
    const event = all.find((one) => one.name === name)?.value as Event;
    const seq = index + 1;
    const addresses = "addresses" in event.data ? { addresses: [address] } : {};
    const data = { ...event.data, ...addresses, vm, instance_id: `iid-${vm}`, stream: STREAM, seq };
    const id = `${STREAM}-${seq}`;
    const body = JSON.stringify({ ...event, id, source: `/fleets/dev/vms/${vm}`, data });
    const headers = signedHeaders(deriveVmKey(SECRET, "dev", vm), { id, body });
    const answer = await fetch(`${receiver.base}/webhook`, { method: "POST", body, headers });
    if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
  }
}

const cli = (args: readonly string[], env: Record<string, string> = {}, signal?: AbortSignal): Promise<Ran> =>
  runForTest(args, {
    env: { NEXUS_PULL_URL: `${receiver.base}/webhook`, NEXUS_PULL_SECRET: SECRET, ...env },
    ...(signal === undefined ? {} : { interrupted: signal }),
  });

describe("wait", () => {
  test("is 0 for a VM that is Configured, by name, fleet and name, address and instance id", async () => {
    await live("good", CONFIGURED, "192.0.2.20");
    for (const word of ["good", "dev/good", "192.0.2.20", "iid-good"]) {
      const { status, out } = await cli(["wait", word, "--timeout", "20s"]);
      expect([word, status]).toEqual([word, EXIT.ok]);
      expect(out).toMatch(/dev\/good: configured/);
    }
  });

  test("is 1 for one that failed, and prints why with the task, its line and the remedy", async () => {
    await live("bad", FAILED, "192.0.2.21");
    const { status, out } = await cli(["wait", "bad", "good", "--timeout", "20s"]);
    expect(status).toBe(EXIT.failed);
    expect(out).toMatch(/dev\/bad: failed/);
    expect(out).toMatch(/ {2}task: .*:\d+\)/);
    expect(out).toContain("remedy:");
  });

  test("is 4 for one that nobody knows at the deadline, with and without its fleet", async () => {
    expect((await cli(["wait", "nobody", "--timeout", "1s"])).status).toBe(EXIT.unknown);
    expect((await cli(["wait", "dev/nobody", "--timeout", "1s"])).status).toBe(EXIT.unknown);
  });

  test("is 124 for one that is on its way when the time is over", async () => {
    await live("slow", NAMES, "192.0.2.22");
    expect((await cli(["wait", "slow", "--timeout", "1s"])).status).toBe(EXIT.timeout);
  });

  test("never says yes for another commit, nor for another instance of the same name", async () => {
    expect((await cli(["wait", "dev/good", "--timeout", "1s", "--commit", "f".repeat(40)])).status).toBe(EXIT.timeout);
    const file = join(place.path, "outputs.json");
    const output = (id: string): string => JSON.stringify({ vms: { value: { good: { instance_id: id } } } });
    writeFileSync(file, output("iid-another"));
    const other = await cli(["wait", "--fleet", "dev", "--stack", file, "--timeout", "1s"]);
    expect([other.status, other.err + other.out]).toEqual([EXIT.timeout, expect.stringContaining("not iid-another")]);
    writeFileSync(file, output("iid-good"));
    expect((await cli(["wait", "--fleet", "dev", "--stack", file, "--timeout", "20s"])).status).toBe(EXIT.ok);
  });

  test("waits for a VM that is not known yet", async () => {
    const waiting = cli(["wait", "later", "--timeout", "60s"]);
    await live("later", CONFIGURED, "192.0.2.23");
    expect((await waiting).status).toBe(EXIT.ok);
  });

  test("survives a restart of the receiver", async () => {
    await live("patient", NAMES, "192.0.2.24");
    const port = Number(new URL(receiver.base).port);
    const waiting = cli(["wait", "dev/patient", "--timeout", "90s"]);
    await receiver.end();
    receiver = await ReceiverProcess.start(place, port);
    await live("patient", CONFIGURED, "192.0.2.24");
    expect((await waiting).status).toBe(EXIT.ok);
  });

  test("is 3 where nobody answers, or the reader's token is refused; 2 for what cannot be meant", async () => {
    const nobody = { NEXUS_PULL_URL: "http://127.0.0.1:9" };
    expect((await cli(["wait", "good", "--timeout", "1s"], nobody)).status).toBe(EXIT.receiver);
    expect((await cli(["status"], nobody)).status).toBe(EXIT.receiver);
    expect((await cli(["wait"])).status).toBe(EXIT.usage);
    expect((await cli(["wait", "good", "--timeout", "soon"])).status).toBe(EXIT.usage);
    expect((await cli(["wait", "good", "--commit", "abc"])).status).toBe(EXIT.usage);
    expect((await cli(["wait", "good"], { NEXUS_PULL_URL: "" })).status).toBe(EXIT.usage);
  });
});

test("status has the summary and what is wrong first; why explains a VM and, offline, a code", async () => {
  const { out } = await cli(["status"]);
  expect(out).toMatch(/^\d+ VMs, /);
  expect(out).toMatch(/\ndev\/bad +Failed /);
  expect(out).not.toMatch(/dev\/good/);
  const all = JSON.parse((await cli(["status", "--json"])).out) as { vms: { vm: string }[] };
  expect(all.vms.map(({ vm }) => vm)).toContain("good");
  expect((await cli(["why", "bad"])).out).toMatch(/^dev\/bad: Failed /);
  expect((await cli(["why", "--code", "dns_failure"], { NEXUS_PULL_URL: "" })).out).toContain(
    "A host name could not be resolved",
  );
  expect((await cli(["why", "--code", "nothing_such"])).status).toBe(EXIT.usage);
});

test("events are the log, and runs are a table", async () => {
  const { out } = await cli(["events", "good"]);
  expect(out.split("\n").filter((line) => line.includes("dev/good")).length).toBe(CONFIGURED.length);
  expect((await cli(["runs", "good"])).out).toMatch(/^started +run_id/);
  expect((await cli(["events", "nobody"])).status).toBe(EXIT.unknown);
});

test("events --follow shows what comes, each event once, until it is interrupted", async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const out = (line: string): void => {
    const { event } = JSON.parse(line) as { event: { id: string; data: { vm: string }; type: string } };
    if (event.data.vm === "followed") seen.push(event.type);
    if (seen.length === CONFIGURED.length) stop.abort();
  };
  const terminal = { out, err: () => undefined, interactive: false, colour: false, columns: 100 };
  const env = { NEXUS_PULL_URL: receiver.base };
  const following = runForTest(["events", "--follow", "--json"], { env, terminal, interrupted: stop.signal });
  await live("followed", CONFIGURED, "192.0.2.25");
  expect((await following).status).toBe(EXIT.interrupted);
  const short = (name: string): string => `io.nexus-pull.${name}`;
  expect(seen).toEqual(CONFIGURED.map(short));
});

test("acknowledge and retire are signed; without a secret they are refused before anything is sent", async () => {
  expect((await cli(["acknowledge", "bad"])).out).toContain("dev/bad: acknowledged");
  const none = await cli(["retire", "bad"], { NEXUS_PULL_SECRET: "" });
  expect([none.status, none.err]).toEqual([EXIT.usage, expect.stringContaining("secret_missing")]);
  const wrong = await cli(["retire", "bad"], { NEXUS_PULL_SECRET: "another-secret-0123456789abcdef" });
  expect([wrong.status, wrong.err]).toEqual([EXIT.receiver, expect.stringContaining("mac_invalid")]);
  expect(wrong.err).not.toContain("another-secret");
  expect((await cli(["retire", "bad"])).out).toContain("dev/bad: retired");
});

test("a settings file is read only when nobody else can", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nexus-pull-settings-"));
  try {
    const file = join(folder, "config.json");
    writeFileSync(file, JSON.stringify({ url: receiver.base, secret: SECRET }), { mode: 0o600 });
    const env = { NEXUS_PULL_URL: "", NEXUS_PULL_SECRET: "", NEXUS_PULL_CONFIG: file };
    expect((await cli(["status"], env)).status).toBe(EXIT.ok);
    chmodSync(file, 0o644);
    const { status, err } = await cli(["status"], env);
    expect([status, err]).toEqual([EXIT.usage, expect.stringContaining("settings_readable")]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
