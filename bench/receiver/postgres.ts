// PostgreSQL as the receiver writes to it, against one insert an event, where a flush takes 2 ms.
import pg from "pg";
import { PostgresServer } from "../../lab/services/postgres";
import type { Event } from "@nexus-pull/contract";
import { maybeKnown, takeEvents } from "../../receiver/src/engine/commands";
import { type Decision, Engine } from "../../receiver/src/engine/engine";
import type { Incoming } from "../../receiver/src/engine/transaction";
import { PostgresStore } from "../../receiver/src/store/postgres";
import { said } from "./life";
import { type MeasureOptions, orFloor, type Row } from "./row";
import { short } from "./table";

const WANTED = 60;
/** What CI holds it to: it does not depend on what else the machine does. */
const FLOOR = 100;
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

interface Told {
  readonly decide: Decision<unknown>;
  readonly events: readonly Incoming[];
}

/** What every VM says as its event of this number, read already: reading is not what is measured. */
function told(seq: number): readonly Told[] {
  return Array.from({ length: VMS }, (_, vm) => {
    const { body: text } = said(vm, seq);
    const events = [{ event: JSON.parse(text) as Event, text }];
    return { decide: takeEvents(events), events };
  });
}

interface Batches {
  /** Events a second. */
  readonly rate: number;
  readonly events: number;
  readonly commits: number;
}

/** All that the receiver does of it: decided, folded, log and projection in one transaction, others told. */
async function batches(url: string, each: number): Promise<Batches> {
  const store = await PostgresStore.open({ url, report: (error) => process.stderr.write(`${String(error)}\n`) });
  const engine = await Engine.open({ store, now: Date.now });
  let seconds = 0;
  for (let seq = 1; seq <= 2 * each; seq += 1) {
    const round = told(seq);
    const begun = now();
    await Promise.all(round.map(({ decide, events }) => engine.submit(decide, maybeKnown(engine.fleets, events))));
    // The first half is to warm up.
    if (seq > each) seconds += since(begun);
  }
  const { head } = await store.news({ position: engine.position, version: 0 });
  await engine.close();
  return { rate: (VMS * each) / seconds, events: head.position, commits: head.version };
}

export async function measure({ quick, say }: MeasureOptions): Promise<readonly Row[]> {
  const server = await PostgresServer.start();
  try {
    const single = await singleInserts(server.create(SLOW), quick ? 300 : 1500);
    const many = await batches(server.create(SLOW), quick ? 5 : 30);
    const note = `${short(many.rate)}/s of ${short(single)}/s`;
    say(`PostgreSQL: ${note}`);
    const name = "PostgreSQL, 2 ms a flush: batch and projection / single inserts";
    const goal: Row = { name, wanted: WANTED, seen: many.rate / single, better: "higher", unit: "", note };
    const floor: Row = {
      ...{ name: "PostgreSQL: floor by events a commit", better: "higher", unit: "" },
      ...{ wanted: FLOOR, seen: many.events / many.commits },
      note: `${short(many.commits)} commits of ${short(many.events)} events`,
    };
    return orFloor(quick, goal, floor);
  } finally {
    await server.stop();
  }
}
