// Where the lab, the suites and the benches get the real programs from. Nothing is built here: nobody waits ten minutes by surprise.
import { spawnSync } from "node:child_process";
import { accessSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

/** The repository's top folder. */
export const REPOSITORY = resolve(__dirname, "..", "..");

/** A program or a folder that a suite can need. */
export type ToolName =
  | "tofu"
  | "versitygw"
  | "tofurc"
  | "provider-mirror"
  | "cloud-init-root"
  | "distro-root"
  | "dnf-root"
  | "cdktf"
  | "postgres"
  | "python3"
  | "pve-description"
  | "ara"
  | "chromium"
  | "schemathesis"
  | "strace"
  | "systemd-root";

interface Source {
  /** Variable that names it; wins over the script. */
  readonly variable: string;
  /** Script that knows where it is, and its arguments that make it look without building. */
  readonly script: readonly string[];
  /** What a person types to get it. */
  readonly build: string;
}

const buildScript = { script: ["tools/build.sh", "--print"], build: "tools/build.sh" };

const SOURCES: Record<ToolName, Source> = {
  tofu: { variable: "NEXUS_PULL_TOFU", ...buildScript },
  versitygw: { variable: "NEXUS_PULL_VERSITYGW", ...buildScript },
  tofurc: { variable: "NEXUS_PULL_TOFURC", ...buildScript },
  "provider-mirror": { variable: "NEXUS_PULL_PROVIDER_MIRROR", ...buildScript },
  "cloud-init-root": {
    variable: "NEXUS_PULL_CLOUD_INIT_ROOT",
    script: ["tools/cloud-init-root.sh", "--print", "--no-build"],
    build: "tools/cloud-init-root.sh",
  },
  "distro-root": {
    variable: "NEXUS_PULL_DISTRO_ROOT",
    script: ["tools/distro-root.sh", "--print", "--no-build"],
    build: "tools/distro-root.sh",
  },
  "dnf-root": {
    variable: "NEXUS_PULL_DNF_ROOT",
    script: ["tools/distro-root.sh", "--print", "--no-build", "--suite=dnf"],
    build: "tools/distro-root.sh --suite=dnf",
  },
  "systemd-root": {
    variable: "NEXUS_PULL_SYSTEMD_ROOT",
    script: ["tools/systemd-root.sh", "--print", "--no-build"],
    build: "tools/systemd-root.sh",
  },
  ara: {
    variable: "NEXUS_PULL_ARA",
    script: ["tools/python-tools.sh", "--print", "--no-build", "--only", "ara"],
    build: "tools/python-tools.sh",
  },
  schemathesis: {
    variable: "NEXUS_PULL_SCHEMATHESIS",
    script: ["tools/python-tools.sh", "--print", "--no-build", "--only", "schemathesis"],
    build: "tools/python-tools.sh",
  },
  cdktf: {
    variable: "NEXUS_PULL_CDKTF",
    script: ["tools/cdktf-cli.sh", "--print", "--no-build"],
    build: "tools/cdktf-cli.sh",
  },
  postgres: {
    variable: "NEXUS_PULL_POSTGRES",
    script: ["tools/postgres.sh", "--print"],
    build: "apt-get install postgresql",
  },
  python3: {
    variable: "NEXUS_PULL_PYTHON",
    script: ["-c", 'program=$(command -v python3) && echo "NEXUS_PULL_PYTHON=$program"'],
    build: "apt-get install python3",
  },
  strace: {
    variable: "NEXUS_PULL_STRACE",
    script: ["-c", 'program=$(command -v strace) && echo "NEXUS_PULL_STRACE=$program"'],
    build: "apt-get install strace",
  },
  "pve-description": {
    variable: "NEXUS_PULL_PVE_DESCRIPTION",
    script: ["tools/pve-description.sh", "--print", "--no-build"],
    build: "tools/pve-description.sh",
  },
  chromium: {
    variable: "NEXUS_PULL_CHROMIUM",
    script: ["tools/chromium.sh", "--print"],
    build: "apt-get install chromium",
  },
};

/** A program that a suite needs is not there. */
export class ToolMissingError extends Error {
  public constructor(name: ToolName) {
    const { build, variable } = SOURCES[name];
    super(`${name} is not there: run ${build}, or set ${variable}`);
    this.name = "ToolMissingError";
  }
}

const LOOK_MS = 60_000;
const answers = new Map<string, ReadonlyMap<string, string>>();

/** Runs a script that prints KEY=VALUE lines, once per test file. A script that fails knows nothing. */
function ask(script: readonly string[]): ReadonlyMap<string, string> {
  const key = script.join(" ");
  const known = answers.get(key);
  if (known !== undefined) return known;
  // tools/build.sh builds what is missing where there is Go, and only looks where there is none: hide Go.
  const noGo = mkdtempSync(join(tmpdir(), "nexus-pull-no-go-"));
  try {
    writeFileSync(join(noGo, "go"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const run = spawnSync("bash", [...script], {
      cwd: REPOSITORY,
      encoding: "utf8",
      timeout: LOOK_MS,
      env: { ...process.env, PATH: `${noGo}${delimiter}${process.env.PATH ?? ""}` },
    });
    const found = run.status === 0 ? run.stdout.matchAll(/^([A-Z_]+)=(.+)$/gm) : [];
    const answer = new Map([...found].map(([, name, value]) => [name ?? "", value ?? ""]));
    answers.set(key, answer);
    return answer;
  } finally {
    rmSync(noGo, { recursive: true, force: true });
  }
}

function find(name: ToolName): string | undefined {
  const { variable, script } = SOURCES[name];
  // An empty variable is how a person says "none": it must not fall through to what happens to be in the cache.
  const path = process.env[variable] ?? ask(script).get(variable);
  if (path === undefined || path === "") return undefined;
  try {
    accessSync(path);
    return path;
  } catch {
    return undefined;
  }
}

/**
 * Path of a program or folder.
 *
 * @throws ToolMissingError - it is not there
 */
export function tool(name: ToolName): string {
  const path = find(name);
  if (path === undefined) throw new ToolMissingError(name);
  return path;
}

/** Whether it is there. */
export function hasTool(name: ToolName): boolean {
  return find(name) !== undefined;
}
