// 10,000 mutated requests and slow connections beside honest clients: no 5xx, no crash, no growth, no honest event lost.
import { connect, type Socket } from "node:net";
import { until } from "../../lab/host/processes";
import { beat, everyEvent, metric, post, randomOf } from "../../lab/services/receiver-client";
import { large, LINES, mutated, pick, SLOW } from "./mutations";
import { Place, ReceiverProcess } from "../../lab/services/receiver-process";

jest.setTimeout(300_000);

const REQUESTS = 10_000;
const ATTACKERS = 8;
const HONEST = 500;
const HONEST_STREAM = "e".repeat(32);
const EACH_SLOW = 10;
/** A body may take 30 s; looked at now and then, by a busy process. */
const CUT_OFF_MS = 60_000;
/** In the second half. Of the large bodies alone, half again as much is read; what is used again and again grew in the first. */
const GROWTH = 96 * 2 ** 20;

/** Writes bytes, closes its half, gives what came back. */
function raw(base: string, text: string): Promise<string> {
  const { port } = new URL(base);
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect({ port: Number(port), host: "127.0.0.1" }, () => socket.end(text, "latin1"));
    socket.setEncoding("latin1").on("data", (piece: string) => (answer += piece));
    socket.setTimeout(5_000, () => socket.destroy());
    socket.on("error", () => undefined).once("close", () => resolve(answer));
  });
}

type Status = number | undefined;
const serverError = (status: Status): boolean => status !== undefined && status >= 500;

async function attack(base: string, seed: number, count: number): Promise<Status[]> {
  const random = randomOf(seed);
  const statuses: Status[] = [];
  for (let index = 0; index < count; index += 1) {
    if (index % 20 === 0) {
      const [, status] = /^HTTP\/1\.1 (\d+)/.exec(await raw(base, pick(random, LINES))) ?? [];
      statuses.push(status === undefined ? undefined : Number(status));
    } else statuses.push(await post(base, ...(index % 20 === 10 ? large(random, index) : mutated(random, index))));
  }
  return statuses;
}

/** Connections that send a byte a second and never come to an end. */
class SlowOnes {
  private readonly sockets: readonly Socket[];
  private readonly drip = setInterval(() => {
    for (const socket of this.sockets) if (socket.writable && socket.bytesWritten > 0) socket.write("x");
  }, 1000);

  public constructor(base: string) {
    const port = Number(new URL(base).port);
    this.sockets = SLOW.flatMap((text) => Array.from({ length: EACH_SLOW }, () => open(port, text)));
  }

  public get left(): number {
    return this.sockets.filter(({ closed }) => !closed).length;
  }

  public end(): void {
    clearInterval(this.drip);
    for (const socket of this.sockets) socket.destroy();
  }
}

function open(port: number, text: string): Socket {
  const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(text));
  return socket.on("error", () => undefined).resume();
}

/** Ids of what was not acknowledged. */
async function honest(base: string): Promise<string[]> {
  const lost: string[] = [];
  for (let seq = 1; seq <= HONEST; seq += 1) {
    const { id, status } = await beat(base, "honest", HONEST_STREAM, seq);
    if (status !== 200) lost.push(id);
  }
  return lost;
}

const memory = (base: string): Promise<number> => metric(base, "process_resident_memory_bytes");

async function attackAll(base: string, from: number, count: number): Promise<Status[]> {
  const attackers = Array.from({ length: ATTACKERS }, (_, seed) => attack(base, from + seed, count / ATTACKERS));
  return (await Promise.all(attackers)).flat();
}

test(`fails when one of ${REQUESTS} mutated requests gets a 5xx, ends the receiver, stays in its memory or harms an honest client`, async () => {
  const place = new Place();
  const receiver = await ReceiverProcess.start(place);
  const { base } = receiver;
  const slow = new SlowOnes(base);
  try {
    const first = await attackAll(base, 100, REQUESTS / 2);
    const before = await memory(base);
    const [lost, others] = await Promise.all([honest(base), attackAll(base, 200, REQUESTS / 2)]);
    const grown = (await memory(base)) - before;
    const statuses = [...first, ...others];
    expect(statuses).toHaveLength(REQUESTS);
    expect(statuses.filter(serverError)).toEqual([]);
    // The mutations reach every layer: some are good all the same, others are refused for what they are.
    for (const status of [200, 202, 400, 401, 403, 404, 409, 413, 415, 422]) expect(statuses).toContain(status);
    expect(statuses.filter((status) => status === undefined).length).toBeLessThan(REQUESTS / 20);
    expect(grown).toBeLessThan(GROWTH);
    expect(lost).toEqual([]);
    const told = (await everyEvent(base)).filter(({ event }) => event.id.startsWith(HONEST_STREAM));
    expect(told.map(({ event }) => event.id)).toEqual(
      Array.from({ length: HONEST }, (_, i) => `${HONEST_STREAM}-${i + 1}`),
    );
    expect(await receiver.json("/status/honest")).toMatchObject({ phase: "Booted" });
    expect(await metric(base, 'nexus_pull_refusals_total\\{code="internal"\\}')).toBeNaN();
    await until("whoever is slow is cut off", () => slow.left === 0, CUT_OFF_MS);
    expect(receiver.output).not.toMatch(/Error/);
    expect((await receiver.end()).status).toBe(0);
  } finally {
    slow.end();
    await receiver.end("SIGKILL");
    place.remove();
  }
});
