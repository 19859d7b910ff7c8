// What group commit is for: on a disk that takes 2 ms a flush, against a receiver that commits each event by itself.
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { tool } from "../../__tests__/support/tools";
import { ask, bundled, type Change, type ReceiverOptions, startReceiver } from "./programs";
import type { MeasureOptions, Row } from "./row";
import { short } from "./table";

const FLUSH_US = 2000;
const CONNECTIONS = 100;
const VMS = 1000;
const WANTED = 18;

/** The same receiver, but for one line. */
const ONE_BY_ONE: Change = {
  file: /receiver[/\\]src[/\\]engine[/\\]engine\.ts$/,
  from: "const { lingerMs = 2, groupSize = 500 } = this.options;",
  to: "const { lingerMs = 0, groupSize = 1 } = this.options;",
};

/** In memory, where a flush is nothing, so that the delay is all of it; only the flushes are looked at. */
function slowDisk(): ReceiverOptions {
  const calls = "fdatasync,fsync";
  const inject = ["-e", `trace=${calls}`, "-e", `inject=${calls}:delay_exit=${FLUSH_US}`];
  const under = [tool("strace"), "-f", "--seccomp-bpf", "-qq", ...inject, "-o", "/dev/null"];
  return { under, within: existsSync("/dev/shm") ? "/dev/shm" : tmpdir() };
}

/** Events a second on new connections, the best of the rounds. */
async function rateOf(program: string, each: number, rounds: number): Promise<number> {
  const load = await bundled("bench/receiver/load.ts");
  const receiver = await startReceiver(program, slowDisk());
  const job = { port: receiver.port, connections: CONNECTIONS, keepAlive: false, vms: VMS, each };
  let best = 0;
  try {
    for (let round = 0; round < rounds; round += 1) {
      const { requests, seconds } = await ask(load, { ...job, first: 1 + round * each });
      best = Math.max(best, requests / seconds);
    }
  } finally {
    await receiver.stop();
  }
  return best;
}

export async function measure({ quick, say }: MeasureOptions): Promise<readonly Row[]> {
  const each = quick ? 5 : 20;
  const groups = await rateOf(await bundled("receiver/src/main.ts"), each, quick ? 2 : 4);
  const single = await rateOf(await bundled("receiver/src/main.ts", ONE_BY_ONE), 1, quick ? 1 : 3);
  say(`2 ms a flush: groups ${short(groups)}/s, one by one ${short(single)}/s`);
  const note = `${short(groups)}/s of ${short(single)}/s`;
  const name = "2 ms a flush, new connections: group commit / one commit an event";
  return [{ name, wanted: WANTED, seen: groups / single, better: "higher", unit: "", note }];
}
