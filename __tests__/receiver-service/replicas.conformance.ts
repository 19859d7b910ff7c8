// Two receivers on one PostgreSQL, under load: one is killed and comes back, then the database crashes and recovers; or one
// stands still for a while. VMs send to either, and say again what was not acknowledged.
import { describeWith } from "../support/suites";
import { PostgresServer } from "../../lab/services/postgres";
import { until } from "../../lab/host/processes";
import { beat, everyEvent, LiveView, streamOf } from "../../lab/services/receiver-client";
import { Place, ReceiverProcess, SECRET } from "../../lab/services/receiver-process";

const VMS = 16;
const BETWEEN = 300;
/** The turn is over after 10 s; the rest is for the VMs that first wait for an answer of the one that stands still. */
const FROZEN_MS = 45_000;

class Load {
  public readonly acknowledged = new Set<string>();
  private over = false;
  private readonly speaking: Promise<void>[];

  public constructor(private readonly bases: readonly string[]) {
    this.speaking = Array.from({ length: VMS }, (_, vm) => this.speak(vm));
  }

  /** One thing after the other; who does not answer, or not well, is left for the next. */
  private async speak(vm: number): Promise<void> {
    const [name, stream] = [`vm-${vm}`, streamOf(vm)];
    let at = vm;
    for (let seq = 1; !this.over;) {
      const { id, status } = await beat(this.bases[at % this.bases.length] ?? "", name, stream, seq);
      if (status === 200) {
        this.acknowledged.add(id);
        seq += 1;
      } else {
        at += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  public async more(limitMs = 90_000): Promise<void> {
    const goal = this.acknowledged.size + BETWEEN;
    await until("there is load", () => this.acknowledged.size >= goal, limitMs);
  }

  public async end(): Promise<void> {
    this.over = true;
    await Promise.all(this.speaking);
  }
}

/** Stops it in the middle of its turn to write: then the others wait for it, until the database takes the turn away. */
async function freezeInItsTurn(receiver: ReceiverProcess, server: PostgresServer, database: string): Promise<void> {
  const stands = `SELECT count(*) FROM pg_stat_activity WHERE datname = '${database}'
    AND state = 'idle in transaction' AND state_change < clock_timestamp() - interval '0.3 s'`;
  for (let tries = 0; tries < 200; tries += 1) {
    await receiver.signal("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 400));
    if (server.sql(stands) === "1") return;
    await receiver.signal("SIGCONT");
  }
  throw new Error("it never stood still in its turn");
}

async function notReady({ base }: ReceiverProcess): Promise<boolean> {
  return (await fetch(`${base}/readyz`)).status === 503;
}

describeWith(["postgres"], "receivers that share a database", () => {
  let server: PostgresServer;
  const places = [new Place(), new Place()] as const;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(async () => {
    await server.stop();
    for (const place of places) place.remove();
  });

  test("fails when a death or a crash loses, doubles or hides what was acknowledged", async () => {
    const env = { NEXUS_PULL_SECRET: SECRET, NEXUS_PULL_DATABASE: server.create() };
    const start = (at: 0 | 1, port?: number): Promise<ReceiverProcess> => ReceiverProcess.start(places[at], port, env);
    const [first, second] = await Promise.all([start(0), start(1)]);
    const bases = [first.base, second.base];
    const load = new Load(bases);
    const views = bases.map((base) => new LiveView(base));
    try {
      await load.more();
      expect((await first.end("SIGKILL")).signal).toBe("SIGKILL");
      await load.more();
      const again = await start(0, Number(new URL(first.base).port));
      await load.more();
      await server.crash();
      await until("the crash is noticed", () => notReady(second));
      await server.run();
      await load.more();
      await load.end();
      const logs = await Promise.all(bases.map(everyEvent));
      const positions = logs[0]?.map(({ position }) => position) ?? [];
      const ids = new Set(logs[0]?.map(({ event }) => event.id));
      expect(logs[1]).toEqual(logs[0]);
      expect(positions).toEqual(positions.map((_, index) => index + 1));
      expect(ids.size).toBe(positions.length);
      expect([...load.acknowledged].filter((id) => !ids.has(id))).toEqual([]);
      await until("both views are there", () => views.every(({ seen }) => seen.length >= positions.length));
      for (const { seen } of views) expect(seen).toEqual(positions);
      const summary = { total: VMS, phases: { Booted: VMS } };
      for (const base of bases) expect(await (await fetch(`${base}/status`)).json()).toMatchObject({ summary });
      await Promise.all([again.end(), second.end()]);
    } finally {
      await load.end();
      for (const view of views) view.close();
    }
  });

  test("fails when a receiver that stands still in its turn holds up the other, or is wrong when it goes on", async () => {
    const database = server.create();
    const env = { NEXUS_PULL_SECRET: SECRET, NEXUS_PULL_DATABASE: database };
    const started = places.map((place) => ReceiverProcess.start(place, 0, env));
    const [frozen, other] = (await Promise.all(started)) as [ReceiverProcess, ReceiverProcess];
    const bases = [frozen.base, other.base];
    const load = new Load(bases);
    const views = bases.map((base) => new LiveView(base));
    try {
      await load.more();
      await freezeInItsTurn(frozen, server, new URL(database).pathname.slice(1));
      await load.more(FROZEN_MS);
      await frozen.signal("SIGCONT");
      await load.more();
      await load.end();
      const logs = await Promise.all(bases.map(everyEvent));
      const positions = logs[0]?.map(({ position }) => position) ?? [];
      expect(logs[1]).toEqual(logs[0]);
      expect(positions).toEqual(positions.map((_, index) => index + 1));
      const ids = new Set(logs[0]?.map(({ event }) => event.id));
      expect([...load.acknowledged].filter((id) => !ids.has(id))).toEqual([]);
      await until("both views are there", () => views.every(({ seen }) => seen.length >= positions.length));
      for (const { seen } of views) expect(seen).toEqual(positions);
      for (const base of bases)
        expect(await (await fetch(`${base}/status`)).json()).toMatchObject({ summary: { phases: { Booted: VMS } } });
      expect((await fetch(`${frozen.base}/readyz`)).status).toBe(200);
      await Promise.all([frozen.end(), other.end()]);
    } finally {
      await frozen.signal("SIGCONT");
      await load.end();
      for (const view of views) view.close();
    }
  });
});
