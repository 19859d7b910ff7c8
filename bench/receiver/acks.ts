// Durable acknowledgements against a server that does nothing, round by round beside each other.
import type { Job } from "./load";
import { ask, bundled, type Server, startHello, startReceiver } from "./programs";
import type { MeasureOptions, Row } from "./row";
import { short } from "./table";

const CONNECTIONS = 100;
const VMS = 1000;

/** Of what hello has on new connections. */
export const FRESH_WANTED = 0.6;

/** Of a loaded machine's clock nothing follows; of the processor time that both take, what a change costs. */
const FLOOR = { keepAlive: 0.07, fresh: 0.12 };

interface Way {
  readonly name: string;
  readonly keepAlive: boolean;
  readonly wanted: number;
  /** What CI holds it to, by processor time. */
  readonly floor: number;
}
const WAYS: readonly Way[] = [
  { name: "durable acks / node:http hello, keep-alive", keepAlive: true, wanted: 0.4, floor: FLOOR.keepAlive },
  {
    name: "durable acks / node:http hello, new connections",
    keepAlive: false,
    wanted: FRESH_WANTED,
    floor: FLOOR.fresh,
  },
];

interface Seen {
  /** Requests a second. */
  rate: number;
  /** Microseconds of a processor for each. */
  processor: number;
}

async function one(load: string, server: Server, job: Omit<Job, "port">): Promise<Seen> {
  const before = server.processor();
  const { requests, seconds } = await ask(load, { ...job, port: server.port });
  return { rate: requests / seconds, processor: ((server.processor() - before) * 1e6) / requests };
}

/** The best of each: whatever else the machine does can only take from it. */
const better = (a: Seen, b: Seen): Seen => ({
  rate: Math.max(a.rate, b.rate),
  processor: Math.min(a.processor, b.processor),
});

function rowsOf({ name, wanted, floor }: Way, hello: Seen, receiver: Seen, quick: boolean): readonly Row[] {
  const rates = `${short(receiver.rate)}/s of ${short(hello.rate)}/s`;
  const processor = `${short(hello.processor)} of ${short(receiver.processor)} us of a processor`;
  const ratio = { better: "higher", unit: "" } as const;
  const goal = { ...ratio, name, wanted, seen: receiver.rate / hello.rate };
  if (!quick) return [{ ...goal, note: `${rates}; ${processor}` }];
  const time = { ...ratio, name: `${name}: floor by processor time`, wanted: floor };
  const seen = hello.processor / receiver.processor;
  return [
    { ...goal, judged: false, note: rates },
    { ...time, seen, note: processor },
  ];
}

export async function measure({ quick, say }: MeasureOptions): Promise<readonly Row[]> {
  const [rounds, each] = quick ? [3, 5] : [5, 20];
  const load = await bundled("bench/receiver/load.ts");
  const hello = await startHello(await bundled("bench/receiver/hello.ts"));
  const receiver = await startReceiver(await bundled("receiver/src/main.ts"));
  let first = 1;
  const rows: Row[] = [];
  try {
    for (const way of WAYS) {
      let [ceiling, acks]: Seen[] = [];
      // The first is to warm up.
      for (let round = 0; round <= rounds; round += 1) {
        const job = { connections: CONNECTIONS, keepAlive: way.keepAlive, vms: VMS, first, each };
        first += each;
        const now = [await one(load, hello, job), await one(load, receiver, job)] as const;
        say(`${way.name}: hello ${short(now[0].rate)}/s, receiver ${short(now[1].rate)}/s`);
        if (round < 2 || ceiling === undefined || acks === undefined) [ceiling, acks] = now;
        else [ceiling, acks] = [better(ceiling, now[0]), better(acks, now[1])];
      }
      if (ceiling !== undefined && acks !== undefined) rows.push(...rowsOf(way, ceiling, acks, quick));
    }
  } finally {
    await Promise.all([hello.stop(), receiver.stop()]);
  }
  return rows;
}
