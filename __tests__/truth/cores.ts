// Which ansible-cores are there: tools/ansible-cores.sh knows.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { REPOSITORY } from "../../lab/host/tools";

export interface Core {
  /** e.g. 2.19 */
  readonly series: string;
  /** A venv. */
  readonly folder: string;
  /** Served by PyPI and newer than what tools/ansible-cores.sh pins. */
  readonly unpinned?: true;
}

/** What PyPI serves beyond the last that is pinned, if anything. */
function newestOf(printed: string, pinned: readonly Core[]): Core[] {
  const folder = /^NEXUS_PULL_ANSIBLE_CORE_NEWEST=(.+)$/m.exec(printed)?.[1];
  const release = /ansible-core-(.+)-[0-9a-f]+$/.exec(folder ?? "")?.[1];
  if (folder === undefined || release === undefined || pinned.some((core) => core.folder === folder)) return [];
  return [{ series: release, folder, unpinned: true }];
}

/** From the oldest to the newest. With CI set all must be there; else those that are. */
export function findCores(): Core[] {
  const script = join(REPOSITORY, "tools", "ansible-cores.sh");
  const asked = spawnSync(script, ["--print", "--no-build"], { encoding: "utf8" });
  const found = [...asked.stdout.matchAll(/^NEXUS_PULL_ANSIBLE_CORE_(\d+)_(\d+)=(.+)$/gm)].map(
    ([, major = "", minor = "", folder = ""]) => ({ series: `${major}.${minor}`, folder }),
  );
  if (found.length === 0 || (asked.status !== 0 && process.env.CI !== undefined))
    throw new Error(`run tools/ansible-cores.sh first:\n${asked.stderr}`);
  if (asked.status !== 0)
    process.stderr.write(`NOT ALL ansible-cores are there, run tools/ansible-cores.sh:\n${asked.stderr}`);
  return [...found, ...newestOf(asked.stdout, found)];
}
