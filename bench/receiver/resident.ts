// What a process has of the machine's memory when what it does not need is thrown away.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../lab/host/processes";
import type { Server } from "./programs";

/** For node: a process that can be asked to throw it away. */
export const COLLECTS = ["--expose-gc", "--require", join(__dirname, "collect.cjs")];

/** What the process has of the machine's memory, in MiB: all of it, as the kernel counts it. */
function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}

/** After it threw away what nobody needs. `times`: of half a second each. */
export async function settledMiB(receiver: Server, times = 5): Promise<number> {
  let least = Infinity;
  // Pages that are free go back to the kernel a while later.
  for (let time = 0; time < times; time += 1) {
    const before = receiver.said("collected");
    process.kill(receiver.pid, "SIGUSR2");
    await until("it is collected", () => receiver.said("collected") > before);
    await new Promise((resolve) => setTimeout(resolve, 500));
    least = Math.min(least, residentMiB(receiver.pid));
  }
  return least;
}
