// What group commit is for: on a disk that takes 2 ms a flush, against a receiver that commits each event by itself.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tool } from "../../lab/host/tools";
import { FRESH_WANTED } from "./acks";
import { ask, bundled, type Change, type ReceiverOptions, startHello, startReceiver } from "./programs";
import { type MeasureOptions, orFloor, type Row } from "./row";
import { short } from "./table";

const FLUSH_US = 2000;
const CONNECTIONS = 100;
const VMS = 1000;
const WANTED = 18;
/** What CI holds it to: it does not depend on what else the machine does. */
const FLOOR = 10;

/** The same receiver, but for one line. */
const ONE_BY_ONE: Change = {
  file: /receiver[/\\]src[/\\]engine[/\\]engine\.ts$/,
  from: "const { lingerMs = 2, groupSize = 500 } = options;",
  to: "const { lingerMs = 0, groupSize = 1 } = options;",
};

/** In memory, where a flush is nothing, so that the delay is all of it; only the flushes are looked at. */
function slowDisk(trace: string): ReceiverOptions {
  const calls = "fdatasync,fsync";
  const inject = ["-e", `trace=${calls}`, "-e", `inject=${calls}:delay_exit=${FLUSH_US}`];
  const under = [tool("strace"), "-f", "--seccomp-bpf", "-qq", ...inject, "-o", trace];
  return { under, within: existsSync("/dev/shm") ? "/dev/shm" : tmpdir() };
}

interface Seen {
  /** Events a second, the best of the rounds. */
  readonly rate: number;
  readonly events: number;
  readonly flushes: number;
}

interface Rounds {
  readonly each: number;
  readonly rounds: number;
}

/** Requests a second on new connections, the best of the rounds. */
async function rateOf(port: number, { each, rounds }: Rounds): Promise<number> {
  const load = await bundled("bench/receiver/load.ts");
  const job = { port, connections: CONNECTIONS, keepAlive: false, vms: VMS, each };
  let best = 0;
  for (let round = 0; round < rounds; round += 1) {
    const { requests, seconds } = await ask(load, { ...job, first: 1 + round * each });
    best = Math.max(best, requests / seconds);
  }
  return best;
}

async function see(program: string, size: Rounds): Promise<Seen> {
  const folder = mkdtempSync(join(tmpdir(), "bench-flush-"));
  const trace = join(folder, "trace");
  const receiver = await startReceiver(program, slowDisk(trace));
  try {
    const rate = await rateOf(receiver.port, size);
    const flushes = readFileSync(trace, "utf8").match(/sync\(\d+\)/g)?.length ?? 0;
    return { rate, events: size.rounds * size.each * VMS, flushes };
  } finally {
    await receiver.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** New connections take what they take. Where the goal for them comes to less than the goal here, it is what counts. */
async function ceiling(size: Rounds): Promise<number> {
  const hello = await startHello(await bundled("bench/receiver/hello.ts"));
  try {
    return await rateOf(hello.port, size);
  } finally {
    await hello.stop();
  }
}

export async function measure({ quick, say }: MeasureOptions): Promise<readonly Row[]> {
  const size = quick ? { each: 5, rounds: 2 } : { each: 20, rounds: 4 };
  const groups = await see(await bundled("receiver/src/main.ts"), size);
  const single = await see(await bundled("receiver/src/main.ts", ONE_BY_ONE), { each: 1, rounds: quick ? 1 : 3 });
  if (single.flushes < single.events)
    throw new Error(`one by one: ${single.flushes} flushes of ${single.events} events`);
  const hello = await ceiling(size);
  const reachable = (FRESH_WANTED * hello) / single.rate;
  const rates = `${short(groups.rate)}/s of ${short(single.rate)}/s`;
  const note = `${rates}; ${WANTED}, or what ${FRESH_WANTED} of hello's ${short(hello)}/s are: ${short(reachable)}`;
  say(`2 ms a flush: ${note}`);
  const name = "2 ms a flush, new connections: group commit / one commit an event";
  const seen = groups.rate / single.rate;
  const goal: Row = { name, wanted: Math.min(WANTED, reachable), seen, better: "higher", unit: "", note };
  const floor: Row = {
    ...{ name: "2 ms a flush, new connections: floor by events a flush", better: "higher", unit: "" },
    ...{ wanted: FLOOR, seen: groups.events / groups.flushes },
    note: `${short(groups.flushes)} flushes of ${short(groups.events)} events`,
  };
  return orFloor(quick, goal, floor);
}
