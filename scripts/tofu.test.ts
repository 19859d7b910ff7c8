import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { interruptTwice, start, until, type Outcome, type Running } from "../lab/host/processes";
import { cloneNotBegun, interruptFilter, retrySeconds, versionProblem, withVariables } from "./tofu-command";

const REPOSITORY = join(__dirname, "..");

// Stands for tofu: writes down how it was called, and ends as the test wants.
const FAKE = `#!/bin/sh
if [ "$1" = version ]; then echo "\${FAKE_VERSION-OpenTofu v1.12.6}"; exit 0; fi
{ pwd; printf '%s\\n' "$@"; } >"$FAKE_LOG"
[ ! -e .terraform.lock.hcl ] || cp .terraform.lock.hcl "$FAKE_LOG.lock"
[ -z "\${FAKE_LOCK:-}" ] || printf '%s' "$FAKE_LOCK" >.terraform.lock.hcl
echo out; echo err >&2
runs=0; while [ -e "$FAKE_LOG.run$runs" ]; do runs=$((runs + 1)); done
if [ "$runs" -lt "\${FAKE_LOCKED:-0}" ]; then
  : >"$FAKE_LOG.run$runs"
  printf '│ Error: error cloning VM: received an HTTP 500\\n│ response - Reason: VM is locked (backup)\\n' >&2; exit 1
fi
if [ -n "\${FAKE_WAIT:-}" ]; then
  trap 'echo INT >>"$FAKE_LOG"' INT; trap 'echo TERM >>"$FAKE_LOG"' TERM
  : >"$FAKE_LOG.ready"
  while [ ! -e "$FAKE_LOG.release" ]; do sleep 0.05; done
fi
[ -z "\${FAKE_READ:-}" ] || { read -r line; echo "read $line"; }
exit "\${FAKE_STATUS:-0}"
`;

let root: string;
let log: string;
const stack = (): string => join(root, "cdktf.out", "stacks", "dev");

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "nexus-pull-wrapper-")));
  log = join(root, "log");
  for (const folder of [stack(), join(root, "environments"), join(root, "bin")]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(stack(), "cdk.tf.json"), "{}");
  writeFileSync(join(root, "bin", "tofu"), FAKE, { mode: 0o755 });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function wrapper(args: readonly string[], env: Record<string, string> = {}, stdin?: string): Running {
  const loader = join(REPOSITORY, "node_modules", "tsx", "dist", "loader.mjs");
  const paths = { PATH: `${join(root, "bin")}:${process.env.PATH ?? ""}`, FAKE_LOG: log, HOME: root };
  return start(process.execPath, ["--import", loader, join(__dirname, "tofu.ts"), ...args], {
    cwd: root,
    env: { ...paths, ...env },
    stdin,
    timeoutMs: 120_000,
  });
}

const tofu = async (args: readonly string[], env?: Record<string, string>, stdin?: string): Promise<Outcome> =>
  wrapper(args, env, stdin).ended;
const recorded = (): string[] => readFileSync(log, "utf8").trim().split("\n");

jest.setTimeout(180_000);

describe("npm run tofu", () => {
  it("runs tofu in the stack's folder and passes input, output and exit status through", async () => {
    const run = await tofu(["dev", "apply", "-parallelism=2"], { FAKE_STATUS: "7", FAKE_READ: "1" }, "yes\n");
    expect(run).toMatchObject({ status: 7, stdout: "out\nread yes\n", stderr: "err\n" });
    expect(recorded()).toEqual([stack(), "apply", "-parallelism=2"]);
  });

  it("gives the environment's variables by an absolute path", async () => {
    const file = join(root, "environments", "dev.tfvars");
    writeFileSync(file, "");
    await tofu(["dev", "plan", "-out=plan"]);
    expect(recorded()).toEqual([stack(), "plan", `-var-file=${file}`, "-out=plan"]);
    await tofu(["dev", "fmt"]);
    expect(recorded()).toEqual([stack(), "fmt"]);
  });

  it("brings the committed provider lock in, and what init makes of it back", async () => {
    const committed = join(root, "environments", "dev.lock.hcl");
    writeFileSync(committed, "old");
    const init = await tofu(["dev", "init"], { FAKE_LOCK: "new" });
    expect(readFileSync(`${log}.lock`, "utf8")).toBe("old");
    expect(readFileSync(committed, "utf8")).toBe("new");
    expect(init.stderr).toContain("environments/dev.lock.hcl has changed: commit it");
    await tofu(["dev", "plan"], { FAKE_LOCK: "touched by plan" });
    expect(readFileSync(committed, "utf8")).toBe("new");
    await tofu(["dev", "init"], { FAKE_LOCK: "half-written", FAKE_STATUS: "1" });
    expect(readFileSync(committed, "utf8")).toBe("new");
  });

  it.each<[string, string[], Record<string, string>, RegExp]>([
    ["nothing is asked", [], {}, /^usage: npm run tofu -- <environment>/],
    ["only an environment is named", ["dev"], {}, /^usage: /],
    ["the name is a path", ["../dev", "plan"], {}, /is not the name of an environment/],
    ["the folder is chosen twice", ["dev", "-chdir=/tmp", "plan"], {}, /-chdir: /],
    ["the environment is unknown", ["test", "plan"], {}, /there is no environment test/],
    ["there is no tofu", ["dev", "plan"], { NEXUS_PULL_TOFU: "/nonexistent/tofu" }, /cannot be run .*NEXUS_PULL_TOFU/],
    ["tofu is too old", ["dev", "plan"], { FAKE_VERSION: "OpenTofu v1.9.4" }, /is OpenTofu 1\.9\.4, needed: 1\.10\.0/],
    ["it is Terraform", ["dev", "plan"], { FAKE_VERSION: "Terraform v1.14.0" }, /is not OpenTofu: .*Terraform v1/],
  ])("fails with status 2 when %s", async (_, args, env, message) => {
    const run = await tofu(args, env);
    expect(run.status).toBe(2);
    expect(run.stderr).toMatch(message);
    expect(existsSync(log)).toBe(false);
  });

  it("fails with the command to run when the environment is not synthesized", async () => {
    writeFileSync(join(root, "environments", "prod.yaml"), "");
    const run = await tofu(["prod", "plan"]);
    expect(run).toMatchObject({ status: 2, stderr: "prod is not synthesized yet: run npm run synth\n" });
  });

  it("prefers the tofu of NEXUS_PULL_TOFU", async () => {
    writeFileSync(join(root, "bin", "other"), FAKE.replace("echo out", "echo other"), { mode: 0o755 });
    expect((await tofu(["dev", "plan"], { NEXUS_PULL_TOFU: join(root, "bin", "other") })).stdout).toBe("other\n");
  });

  it("runs an apply again while a template is locked, and says so", async () => {
    const run = await tofu(["dev", "apply", "-auto-approve"], { FAKE_LOCKED: "2", NEXUS_PULL_RETRY_SECONDS: "0" });
    expect(run).toMatchObject({ status: 0, stdout: "out\nout\nout\n" });
    expect(run.stderr).toContain("a template was locked: the apply is run again in 0 s (2 of 3)");
  });

  it.each([
    ["the template stays locked", ["apply"], "9", "out\nout\nout\nout\n"],
    ["a saved plan is applied, which is stale by then", ["apply", "plan.bin"], "1", "out\n"],
    ["nothing is applied", ["plan"], "1", "out\n"],
  ])("fails for good when %s", async (_label, args, times, stdout) => {
    const run = await tofu(["dev", ...args], { FAKE_LOCKED: times, NEXUS_PULL_RETRY_SECONDS: "0" });
    expect(run).toMatchObject({ status: 1, stdout });
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("hands %s on once, and waits for tofu's end", async (signal) => {
    const running = wrapper(["dev", "apply"], { FAKE_WAIT: "1", FAKE_STATUS: "1" });
    await until("tofu runs", () => existsSync(`${log}.ready`));
    await interruptTwice(running.child, signal);
    await until("the signal arrived", () => recorded().length > 2);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(running.child.exitCode).toBeNull();
    writeFileSync(`${log}.release`, "");
    expect(await running.ended).toMatchObject({ status: 1 });
    expect(recorded()).toEqual([stack(), "apply", signal === "SIGINT" ? "INT" : "TERM"]);
  });
});

it.each([
  [["plan"], ["plan", "-var-file=F"]],
  [
    ["apply", "plan.out"],
    ["apply", "-var-file=F", "plan.out"],
  ],
  [
    ["state", "list", "a"],
    ["state", "list", "-var-file=F", "a"],
  ],
  [
    ["providers", "lock"],
    ["providers", "lock", "-var-file=F"],
  ],
  [["providers"], ["providers", "-var-file=F"]],
  [
    ["plan", "-help"],
    ["plan", "-help"],
  ],
  [["version"], ["version"]],
  [
    ["workspace", "list"],
    ["workspace", "list"],
  ],
  [["-help"], ["-help"]],
  [
    ["plan", "-var", "a=b"],
    ["plan", "-var-file=F", "-var", "a=b"],
  ],
])("gives %j its variables", (args, expected) => {
  expect(withVariables(args, "F")).toEqual(expected);
});

it.each([
  ["OpenTofu v1.10.0\non linux_amd64", undefined],
  ["OpenTofu v1.12.6-dev", undefined],
  ["OpenTofu v2.0.0", undefined],
  ["OpenTofu v1.9.9", "tofu is OpenTofu 1.9.9, needed: 1.10.0 or newer (S3 locking)"],
  ["", "tofu is not OpenTofu"],
])("judges the version %j", (answer, problem) => {
  expect(versionProblem("tofu", answer)).toBe(problem);
});

it("lets a second Ctrl-C pass when it is meant", () => {
  let now = 0;
  const filter = interruptFilter(() => now);
  expect(filter("SIGINT")).toBe("SIGINT");
  now = 20;
  expect(filter("SIGINT")).toBeUndefined();
  now = 2_000;
  expect(filter("SIGINT")).toBe("SIGINT");
});

it.each([
  ["unable to create VM 200: config file already exists", false],
  ["got no worker upid - start worker failed", true],
  ["can't lock file '/var/lock/qemu-server/lock-9000.conf' - got timeout", true],
  ["VM is locked (backup)", true],
])("takes %j for a clone that was not begun: %s", (reason, expected) => {
  const text = `\u001b[31m╷\n│ Error: error cloning VM: received an HTTP 500 response - Reason: ${reason}\n╵`;
  expect(cloneNotBegun(text)).toBe(expected);
  expect(cloneNotBegun(`│ Error: error updating VM: received an HTTP 500 response - Reason: ${reason}`)).toBe(false);
});

it.each([
  [undefined, 10],
  ["", 10],
  ["soon", 10],
  ["-1", 10],
  ["0", 0],
  ["2.5", 2.5],
])("waits before an apply is run again, with NEXUS_PULL_RETRY_SECONDS %j: %s s", (given, expected) =>
  expect(retrySeconds(given)).toBe(expected),
);
