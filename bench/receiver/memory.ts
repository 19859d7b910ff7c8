// Whether the receiver's memory grows with its log: the same VMs, ever more events.
import { ask, bundled, startReceiver } from "./programs";
import { COLLECTS, settledMiB } from "./resident";
import type { MeasureOptions, Row } from "./row";
import { short } from "./table";

const WANTED_MIB = 4;
/** What CI holds it to, over fewer events: what a program takes while it warms up is a part of it. */
const FLOOR_MIB = 16;
const VMS = 1000;
const BATCH = 100;

export async function measure({ quick, say }: MeasureOptions): Promise<readonly Row[]> {
  const [from, to] = quick ? [50_000, 150_000] : [100_000, 1_000_000];
  const load = await bundled("bench/receiver/load.ts");
  const receiver = await startReceiver(await bundled("receiver/src/main.ts"), { node: COLLECTS });
  const job = { port: receiver.port, connections: 10, keepAlive: true, vms: VMS, batch: BATCH };
  const tell = async (begin: number, end: number): Promise<number> => {
    for (let first = begin; first < end; first += VMS * BATCH)
      await ask(load, { ...job, first: first / VMS + 1, each: BATCH });
    return settledMiB(receiver);
  };
  try {
    const before = await tell(0, from);
    const after = await tell(from, to);
    const note = `${short(before)} MiB at ${short(from)} events, ${short(after)} MiB at ${short(to)}; ${short(VMS)} VMs`;
    say(`memory: ${note}`);
    const name = quick ? "growth of the resident memory: floor" : "growth of the resident memory";
    const wanted = quick ? FLOOR_MIB : WANTED_MIB;
    return [{ name, wanted, seen: after - before, better: "lower", unit: "MiB", note }];
  } finally {
    await receiver.stop();
  }
}
