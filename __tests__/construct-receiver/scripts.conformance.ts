// The scripts alone, in every shell that is here: what a runner calls sh differs.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { readScript } from "../../lib/receiver/scripts";
import { start, type Outcome } from "../../lab/host/processes";
import { REPOSITORY } from "../../lab/host/tools";
import { SECRET } from "./testbed";
import { RecordingReceiver } from "../../lab/services/recording-receiver";

const SHELLS = ["sh", "dash", "busybox sh", "bash --norc --posix"];
const OPTIONAL = new Set(["busybox sh", "bash --norc --posix"]);

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
const macOf = (...lines: string[]): string => hash(SECRET + hash(SECRET + lines.join("\n")));

function available(shell: string): boolean {
  const [program = "", ...args] = shell.split(" ");
  return spawnSync(program, [...args, "-c", "exit 0"]).status === 0;
}

/** Runs a script as the provisioner does. */
function run(shell: string, script: string, environment: Record<string, string>): Promise<Outcome> {
  const [program = "", ...args] = shell.split(" ");
  const given = Object.entries(environment).map(([name, value]) => [`NEXUS_PULL_${name}`, value]);
  return start(program, [...args, "-c", 'eval "$NEXUS_PULL_SCRIPT"'], {
    cwd: REPOSITORY,
    env: { PATH: process.env.PATH, ...Object.fromEntries(given), NEXUS_PULL_SCRIPT: readScript(script) },
    timeoutMs: 30_000,
  }).ended;
}

jest.setTimeout(60_000);

describe.each(SHELLS)("scripts in %s", (shell) => {
  if (!available(shell)) {
    it(`has ${shell}`, () => {
      const must = process.env.CI !== undefined && process.env.CI !== "" && !OPTIONAL.has(shell);
      if (must) throw new Error(`${shell} is not there`);
      process.stderr.write(`SKIPPED scripts in ${shell}: it is not there\n`);
    });
    return;
  }
  const receiver = new RecordingReceiver([SECRET]);
  beforeAll(() => receiver.start());
  afterAll(() => receiver.stop());
  beforeEach(() => void receiver.take());

  const roster = (id: string, ...pieces: string[]): Record<string, string> => ({
    WHAT: "the roster",
    EFFECT: "none",
    METHOD: "PUT",
    URL: receiver.webhookUrl.replace("/webhook", "/fleets/dev/roster"),
    ID: id,
    MAC: macOf("roster", "dev", id, hash(pieces.join(""))),
    ...Object.fromEntries(pieces.map((piece, i) => [`BODY_${i}`, piece])),
  });

  it("fails when a body in pieces is changed on its way", async () => {
    const pieces = [
      '[{"name":"a%s\\\\n$HOME`id`"},',
      ...Array.from({ length: 11 }, () => '{"name":"ü \'"},'),
      '{"name":"z"}]',
    ];
    expect(await run(shell, "request", roster("pieces", ...pieces))).toMatchObject({ status: 0, stderr: "" });
    expect(receiver.take()).toMatchObject([{ status: 200, body: pieces.join("") }]);
  });

  it("fails when a release has a body or is no POST", async () => {
    const url = receiver.webhookUrl.replace("/webhook", "/fleets/dev/vms/a/release");
    const request = { ...roster("r-1"), METHOD: "POST", URL: url, MAC: macOf("release", "dev", "a", "r-1") };
    expect((await run(shell, "request", request)).status).toBe(0);
    expect(receiver.take()).toMatchObject([{ method: "POST", status: 200, body: "" }]);
  });

  it("fails when trouble is not retried for as long as ten seconds allow", async () => {
    receiver.faults.push({ status: 503 }, { status: 429 }, { status: 500 }, { status: 502 });
    const started = Date.now();
    const outcome = await run(shell, "request", roster("trouble", "[]"));
    expect(Date.now() - started).toBeLessThan(11_000);
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain("4 time(s)");
    expect(outcome.stderr).toContain("answer:  HTTP 502");
  });

  // Ten seconds each, and no shell counts them differently.
  if (shell === "sh")
    it("fails when a silent receiver is waited for longer than ten seconds", async () => {
      // Accepts and never answers.
      const silence: Socket[] = [];
      const silent = createServer((socket) => void silence.push(socket));
      await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
      const { port } = silent.address() as { port: number };
      const started = Date.now();
      const outcome = await run(shell, "request", {
        ...roster("silent", "[]"),
        URL: `http://127.0.0.1:${port}/fleets/dev/roster`,
      });
      expect(Date.now() - started).toBeLessThan(12_000);
      expect(outcome.stderr).toContain("none (curl ended with 28;");
      for (const socket of silence) socket.destroy();
      silent.close();
    });

  it("fails when a wait does not come to the right end", async () => {
    const url = receiver.webhookUrl.replace("/webhook", "/fleets/dev/vms/a/wait");
    const wait = { WHAT: "a", URL: url, COMMIT: "", TIMEOUT_S: "20", ID: "w", MAC: macOf("wait", "dev", "a", "w") };
    receiver.faults.push({ status: 503 });
    receiver.waits.push({ status: 504, text: "Booted" }, { status: 200, text: "done\nat c0ffee" });
    const good = await run(shell, "wait", wait);
    expect(good).toMatchObject({ status: 0 });
    expect(good.stdout).toContain("a: Configured: done\nat c0ffee");
    receiver.waits.push({ status: 409, text: "no such role" });
    const bad = await run(shell, "wait", wait);
    expect(bad.status).toBe(1);
    expect(bad.stderr).toContain("answer:  no such role");
  });
});

describe("shellcheck", () => {
  it("finds nothing", () => {
    const files = ["request.sh", "wait.sh"].map((name) => join(REPOSITORY, "templates", "receiver", name));
    const run = spawnSync("shellcheck", ["--shell=sh", ...files], { encoding: "utf8" });
    if (run.error !== undefined) {
      process.stderr.write("SKIPPED shellcheck: it is not there\n");
      return;
    }
    expect(run.stdout).toBe("");
  });
});
