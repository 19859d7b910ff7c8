import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folded, logOf } from "../test-support";
import { readConfig } from "./config";
import { jsonLineOf, jsonRemarkLine, lineOf, LogFile, remarkLine } from "./log-file";
import { flagOf, helpText, OPTIONS } from "./options";
import { readSecrets } from "./secrets";

const folder = mkdtempSync(join(tmpdir(), "receiver-ops-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const empty = join(folder, "empty");
writeFileSync(empty, "");
const read = (args: readonly string[], env: Record<string, string> = {}) =>
  readConfig({ args, env: { HOME: folder, ...env } });
const configOf = (args: readonly string[], env?: Record<string, string>) => {
  const outcome = read(args, env);
  if (!("config" in outcome)) throw new Error(JSON.stringify(outcome));
  return outcome.config;
};

type Json = Readonly<Record<string, unknown>>;

describe("configuration", () => {
  test("has defaults", () => {
    expect(configOf([])).toMatchObject({ host: "0.0.0.0", port: 9191, readers: "private", takeNotes: true });
  });

  test("a flag wins over the environment, which wins over the file", () => {
    const file = join(folder, "config.json");
    writeFileSync(
      file,
      JSON.stringify({ port: 1, max_waits: 2, notes: "off", trusted_proxies: ["10.0.0.1", "10.1.0.0/16"] }),
    );
    const config = configOf(["--config", file, "--port=3"], { NEXUS_PULL_PORT: "4", NEXUS_PULL_MAX_WAITS: "5" });
    expect(config).toMatchObject({
      port: 3,
      maxWaits: 5,
      takeNotes: false,
      trustedProxies: ["10.0.0.1", "10.1.0.0/16"],
    });
  });

  test("says all problems at once", () => {
    const file = join(folder, "bad.json");
    writeFileSync(file, '{"prot": 1}');
    const env = { NEXUS_PULL_SECRET: "s", NEXUS_PULL_SECRET_FILE: "f", NEXUS_PULL_MAX_WAITS: "many" };
    const outcome = read(
      ["--config", file, "--port", "x", "--readers", "me", "--nope", "--trusted-proxies", "lan"],
      env,
    );
    const problems = "problems" in outcome ? outcome.problems.join("\n") : "";
    for (const part of ["prot", "--port", "--readers", "--nope", "--trusted-proxies", "--max-waits", "--secret-file"])
      expect(problems).toContain(part);
  });

  test.each([
    ["--host", "999.1.2.3", "must be an address or a host name"],
    ["--secret-file", join(folder, "absent"), "cannot be read: ENOENT"],
    ["--secret-file", empty, "is empty"],
    ["--secret-file", folder, "is a folder"],
    ["--token-file", join(folder, "absent"), "cannot be read: ENOENT"],
    ["--log-file", join(folder, "absent", "log"), `its folder ${join(folder, "absent")} is not there`],
    ["--trusted-proxies", "10.0.0.0/33", "got 10.0.0.0/33"],
    ["--trusted-proxies", "::1/64/2", "got ::1/64/2"],
    ["--url", "receiver:9191", "must be an http:// or https:// address"],
  ])("fails when %s %s is only found out when it starts", (flag, value, problem) => {
    const outcome = read([flag, value]);
    expect("problems" in outcome ? outcome.problems : []).toEqual([expect.stringContaining(problem)]);
  });

  test.each(["0.0.0.0", "::", "localhost", "receiver-1.example", "10.0.0.1"])("listens on %s", (host) => {
    expect(configOf(["--host", host, "--trusted-proxies", "10.0.0.0/8,fd00::/8,::1"])).toMatchObject({ host });
  });

  test("takes forwarders from the file, and says what is wrong with them with everything else", () => {
    const file = join(folder, "forwarders.json");
    const forwarders = [{ name: "hook", kind: "webhook", url: "https://hooks.example/x" }];
    writeFileSync(file, JSON.stringify({ forwarders, forward_private: "off", log_format: "json" }));
    expect(configOf(["--config", file])).toMatchObject({ forwarders, forwardPrivate: false, logFormat: "json" });
    writeFileSync(file, JSON.stringify({ forwarders: [{ name: "hook", kind: "pager" }], rate: "many" }));
    const outcome = read(["--config", file]);
    const problems = "problems" in outcome ? outcome.problems.join("\n") : "";
    for (const part of ["forwarders/0/kind", '"pager"', "--rate"]) expect(problems).toContain(part);
  });

  test.each<[string, string]>([
    ["mysql://x/y", "must be a postgres:// address"],
    ["postgres://me:hidden@db/x", "must have no password"],
    ["postgres://me@db/x?password=hidden", "must have no password"],
  ])("fails when a database's password is taken, or told: %s", (address, problem) => {
    const outcome = read(["--database", address], { NEXUS_PULL_SECRET: "s" });
    const problems = "problems" in outcome ? outcome.problems : [];
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
    expect(problems[0]).not.toContain("hidden");
  });

  test("receivers that share a database do not each make a secret", () => {
    const outcome = read(["--database", "postgres://me@db/x"]);
    expect("problems" in outcome && outcome.problems).toEqual([
      expect.stringContaining("need the same operator secret"),
    ]);
  });

  test("help has every option", () => {
    for (const option of OPTIONS) expect(helpText()).toContain(flagOf(option));
    expect(read(["--help"])).toEqual({ help: true });
  });
});

describe("secrets", () => {
  test("one is made once, for its owner only", () => {
    const config = { ...configOf([]), data: folder };
    const [first, second] = [readSecrets(config), readSecrets(config)];
    expect(first.secrets).toEqual(second.secrets);
    expect(first.secrets[0]).toMatch(/^[\w-]{43}$/);
    expect(statSync(join(folder, "secret")).mode & 0o777).toBe(0o600);
    expect(first.said.join()).toContain("webhook_secret");
  });

  test("a file has several, with their spaces", () => {
    const secretFile = join(folder, "several");
    writeFileSync(secretFile, " new one \nold\n\n");
    expect(readSecrets({ ...configOf([]), secretFile }).secrets).toEqual([" new one ", "old"]);
  });
});

test("the log file is written on after logrotate moved it", () => {
  const path = join(folder, "log");
  const log = new LogFile(path);
  log.write(["one"]);
  renameSync(path, `${path}.1`);
  log.write(["two"]);
  log.reopen();
  log.write(["three"]);
  log.close();
  expect([readFileSync(`${path}.1`, "utf8"), readFileSync(path, "utf8")]).toEqual(["one\ntwo\n", "three\n"]);
});

test("fails when a line has the time of the line before it", () => {
  const [first, second] = logOf(["vm.booted"], ["run.started"]);
  const times = [first, second, first].map((record) => lineOf(record as never, "Booted").split(" ")[0]);
  expect(times).toEqual([0, 1, 0].map((second) => `2026-01-01T00:00:0${second}.000Z`));
});

test("a line of JSON has the event as it came, and what the receiver says of it", () => {
  const records = logOf(["run.failed"]);
  const line = jsonLineOf(records[0] as never, folded(records).phase);
  const { event, ...said } = JSON.parse(line) as { event: unknown };
  expect(said).toEqual({ position: 1, received: "2026-01-01T00:00:00.000Z", phase: "Failed" });
  expect(event).toEqual(JSON.parse(records[0]?.text ?? ""));
});

test("fails when a note or a refusal in a log of JSON has no fields, or a note passes for something proved", () => {
  const from = { at: "2026-01-01T00:00:00.000Z", remote: "192.0.2.7" };
  const note = { kind: "note", ...from, text: '{"kind":"event"}' } as const;
  const refused = { kind: "refused", ...from, code: "signature_invalid", detail: "no key fits" } as const;
  expect([note, refused].map((remark) => JSON.parse(jsonRemarkLine(remark)) as unknown)).toEqual([
    { time: from.at, kind: "note", unverified: true, remote: from.remote, text: note.text },
    { time: from.at, kind: "refused", remote: from.remote, code: "signature_invalid", detail: "no key fits" },
  ]);
  expect([note, refused].map(remarkLine)).toEqual([
    '2026-01-01T00:00:00.000Z unverified note from 192.0.2.7: {"kind":"event"}',
    "2026-01-01T00:00:00.000Z refused signature_invalid from 192.0.2.7: no key fits",
  ]);
});

test("a line is one line, whatever a message holds", () => {
  const records = logOf(["run.failed", { data: { message: "a\nb\u001b[31m \u202e" } }]);
  const line = lineOf(records[0] as never, folded(records).phase);
  expect(line).toBe(
    "2026-01-01T00:00:00.000Z #1 dev/nexus-01 run.failed -> Failed reason=task_failed outcome=failed run_id=run-1 " +
      'message="a b [31m  " commit=111111111111',
  );
});

describe("hostile texts in the log file", () => {
  const codes = [
    [0, 0x1f],
    [0x7f, 0x9f],
    [0x2028, 0x202e],
    [0x2066, 0x2069],
  ] as const;
  const all = codes.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
  const HOSTILE = `\u001b]0;owned\u0007\u009b2J\r2026-01-01T00:00:00.000Z #9 dev/x${String.fromCharCode(...all)}"\\`;
  const [record] = logOf(["run.failed", { data: { message: HOSTILE, run_id: HOSTILE, tail: [HOSTILE] } }]);
  const { phase } = folded([record as never]);
  const from = { at: "2026-01-01T00:00:00.000Z", remote: `192.0.2.7${HOSTILE}` };
  const note = { kind: "note", ...from, text: HOSTILE } as const;
  const refused = { kind: "refused", ...from, code: "event_invalid", detail: HOSTILE } as const;

  test.each([
    ["text", [lineOf(record as never, phase), ...[note, refused].map(remarkLine)]],
    ["json", [jsonLineOf(record as never, phase), ...[note, refused].map(jsonRemarkLine)]],
  ])(
    "format %s: fails when a control character, a line's end or a terminal's escape gets there raw",
    (format, lines) => {
      const path = join(folder, `hostile-${format}`);
      const log = new LogFile(path);
      log.write(lines);
      log.close();
      const written = readFileSync(path, "utf8");
      // Line feeds are between lines only.
      const raw = [...written].filter((character) => all.includes(character.codePointAt(0) ?? 0) && character !== "\n");
      expect([raw, written.split("\n").length]).toEqual([[], lines.length + 1]);
      if (format === "text") return;
      const [first, second] = written.split("\n").map((line) => (line === "" ? {} : (JSON.parse(line) as Json)));
      expect([first?.["event"], second?.["text"]]).toEqual([JSON.parse(record?.text ?? ""), HOSTILE]);
    },
  );
});
