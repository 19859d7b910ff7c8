// Durable acknowledgements against a server that does nothing, round by round beside each other.
import { ask, bundled, startHello, startReceiver } from "./programs";
import type { MeasureOptions, Row } from "./row";
import { short } from "./table";

const CONNECTIONS = 100;
const VMS = 1000;

interface Way {
  readonly name: string;
  readonly keepAlive: boolean;
  readonly wanted: number;
}
const WAYS: readonly Way[] = [
  { name: "durable acks / node:http hello, keep-alive", keepAlive: true, wanted: 0.4 },
  { name: "durable acks / node:http hello, new connections", keepAlive: false, wanted: 0.6 },
];

export async function measure({ quick, say }: MeasureOptions): Promise<readonly Row[]> {
  const [rounds, each] = quick ? [3, 5] : [5, 20];
  const load = await bundled("bench/receiver/load.ts");
  const hello = await startHello(await bundled("bench/receiver/hello.ts"));
  const receiver = await startReceiver(await bundled("receiver/src/main.ts"));
  let first = 1;
  const rows: Row[] = [];
  try {
    for (const { name, keepAlive, wanted } of WAYS) {
      const rates = { hello: 0, receiver: 0 };
      // The first is to warm up.
      for (let round = 0; round <= rounds; round += 1) {
        const job = { connections: CONNECTIONS, keepAlive, vms: VMS, first, each };
        first += each;
        const [ceiling, acks] = [
          await ask(load, { ...job, port: hello.port }),
          await ask(load, { ...job, port: receiver.port }),
        ].map(({ requests, seconds }) => requests / seconds) as [number, number];
        say(`${name}: hello ${short(ceiling)}/s, receiver ${short(acks)}/s`);
        if (round > 0) rates.hello = Math.max(rates.hello, ceiling);
        if (round > 0) rates.receiver = Math.max(rates.receiver, acks);
      }
      const note = `${short(rates.receiver)}/s of ${short(rates.hello)}/s`;
      rows.push({ name, wanted, seen: rates.receiver / rates.hello, better: "higher", unit: "", note });
    }
  } finally {
    await Promise.all([hello.stop(), receiver.stop()]);
  }
  return rows;
}
