// Two receivers on one PostgreSQL, under load: one is killed and comes back, then the database crashes and recovers. VMs send
// to either, and say again what was not acknowledged.
import { describeWith } from "../support/tools";
import { PostgresServer } from "../support/postgres";
import { until } from "../support/processes";
import { everyEvent, heartbeat, LiveView, post, signed } from "./client";
import { Place, ReceiverProcess, SECRET } from "./process";

const VMS = 16;
const BETWEEN = 300;

class Load {
  public readonly acknowledged = new Set<string>();
  private over = false;
  private readonly speaking: Promise<void>[];

  public constructor(private readonly bases: readonly string[]) {
    this.speaking = Array.from({ length: VMS }, (_, vm) => this.speak(vm));
  }

  /** One thing after the other; who does not answer, or not well, is left for the next. */
  private async speak(vm: number): Promise<void> {
    const [name, stream] = [`vm-${vm}`, vm.toString(16).padStart(32, "0")];
    let at = vm;
    for (let seq = 1; !this.over;) {
      const { id, body } = heartbeat(name, stream, seq);
      if ((await post(this.bases[at % this.bases.length] ?? "", body, signed(name, id, body))) === 200) {
        this.acknowledged.add(id);
        seq += 1;
      } else {
        at += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  public async more(): Promise<void> {
    const goal = this.acknowledged.size + BETWEEN;
    await until("there is load", () => this.acknowledged.size >= goal, 90_000);
  }

  public async end(): Promise<void> {
    this.over = true;
    await Promise.all(this.speaking);
  }
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
});
