// PostgreSQL as the receiver writes to it, against one insert an event, where a flush takes 2 ms.
import pg from "pg";
import { PostgresServer } from "../../__tests__/support/postgres";
import type { Event } from "../../contract";
import { takeEvents } from "../../receiver/src/engine/commands";
import { Engine } from "../../receiver/src/engine/engine";
import { PostgresStore } from "../../receiver/src/store/postgres";
import { said } from "./life";
import type { MeasureOptions, Row } from "./row";
import { short } from "./table";

const WANTED = 60;
const VMS = 1000;
/** PostgreSQL itself waits so long before it flushes. */
const SLOW = ["commit_delay = 2000", "commit_siblings = 0"];

const now = (): bigint => process.hrtime.bigint();
const since = (begun: bigint): number => Number(now() - begun) / 1e9;

/** One connection that inserts an event at a time: no projection, no decision, no lock. */
async function singleInserts(url: string, events: number): Promise<number> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query("CREATE TABLE log (position bigint PRIMARY KEY, vm text, id text, event text, UNIQUE (vm, id))");
  const insert = { name: "insert", text: "INSERT INTO log VALUES ($1, $2, $3, $4)" };
  const begun = now();
  for (let position = 1; position <= events; position += 1) {
    const { id, body } = said(position % VMS, Math.ceil(position / VMS));
    await client.query({ ...insert, values: [position, `vm-${position % VMS}`, id, body] });
  }
  const seconds = since(begun);
  await client.end();
  return events / seconds;
}

/** All that the receiver does of it: decided, folded, log and projection in one transaction, others told. */
async function batches(url: string, each: number): Promise<number> {
  const store = await PostgresStore.open({ url, report: (error) => process.stderr.write(`${String(error)}\n`) });
  const engine = await Engine.open({ store, now: Date.now });
  const tell = async (first: number): Promise<void> => {
    for (let seq = first; seq < first + each; seq += 1)
      await Promise.all(
        Array.from({ length: VMS }, (_, vm) => {
          const { id, body: text } = said(vm, seq);
          const event = JSON.parse(text) as Event;
          const { fleet, vm: name } = event.data;
          return engine.submit(takeEvents([{ event, text }]), [{ id, fleet, vm: name }]);
        }),
      );
  };
  await tell(1);
  const begun = now();
  await tell(1 + each);
  const seconds = since(begun);
  await engine.close();
  return (VMS * each) / seconds;
}

export async function measure({ quick, say }: MeasureOptions): Promise<readonly Row[]> {
  const server = await PostgresServer.start();
  try {
    const [single, many] = [
      await singleInserts(server.create(SLOW), quick ? 300 : 1500),
      await batches(server.create(SLOW), quick ? 5 : 20),
    ];
    const note = `${short(many)}/s of ${short(single)}/s`;
    say(`PostgreSQL: ${note}`);
    const name = "PostgreSQL, 2 ms a flush: batch and projection / single inserts";
    return [{ name, wanted: WANTED, seen: many / single, better: "higher", unit: "", note }];
  } finally {
    await server.stop();
  }
}
