// Whoever opens live views without end, and reads none of them, takes nothing from anybody else.
import { connect, type Socket } from "node:net";
import { until } from "../../lab/host/processes";
import { beat, metric, streamOf } from "../../lab/services/receiver-client";
import { Place, ReceiverProcess, SECRET } from "../../lab/services/receiver-process";

jest.setTimeout(180_000);

const [SEATS, OF_ONE] = [30, 20];
const EVENTS = 2000;
/** With a copy of what it does not read kept for each view it is more. */
const GROWS_AT_MOST = 24 * 1024 * 1024;
/** So many came before, all of which each view asks for: more than the kernel keeps for a connection. */
const BEFORE = 16_000;

test("fails when views beyond the seats are served, or those that nobody reads cost the others", async () => {
  const place = new Place();
  const env = { NEXUS_PULL_MAX_STREAMS: String(SEATS), NEXUS_PULL_MAX_STREAMS_PER_ADDRESS: String(OF_ONE) };
  const receiver = await ReceiverProcess.start(place, 0, { NEXUS_PULL_SECRET: SECRET, ...env });
  const port = Number(new URL(receiver.base).port);
  const sockets: Socket[] = [];

  /** Status of a view that is opened and never read after it. */
  const open = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () =>
        socket.write("GET /events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: 0\r\n\r\n"),
      );
      sockets.push(socket);
      socket.once("error", reject).once("data", (part) => {
        socket.pause();
        resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(part.toString("latin1"))?.[1]));
      });
    });
  let seq = 0;
  const say = async (count: number): Promise<readonly (number | undefined)[]> => {
    const statuses = [];
    for (let i = 0; i < count; i += 20)
      statuses.push(
        ...(await Promise.all(
          Array.from({ length: 20 }, async (_, vm) => {
            const { status } = await beat(receiver.base, `vm-${vm}`, streamOf(vm), Math.floor(seq++ / 20) + 1);
            return status;
          }),
        )),
      );
    return statuses;
  };
  try {
    await say(BEFORE);
    const before = await metric(receiver.base, "process_resident_memory_bytes");
    for (let i = 0; i < OF_ONE; i += 1) expect(await open()).toBe(200);
    expect(await open()).toBe(503);
    expect(await metric(receiver.base, "nexus_pull_streams")).toBe(OF_ONE);
    // The honest ones beside it.
    expect(new Set(await say(EVENTS))).toEqual(new Set([200]));
    expect(await receiver.json("/status")).toMatchObject({ summary: { total: 20 } });
    expect((await metric(receiver.base, "process_resident_memory_bytes")) - before).toBeLessThan(GROWS_AT_MOST);
    for (const socket of sockets) socket.destroy();
    await until("the seats are free again", async () => (await metric(receiver.base, "nexus_pull_streams")) === 0);
    expect(await open()).toBe(200);
  } finally {
    for (const socket of sockets) socket.destroy();
    await receiver.end();
    place.remove();
  }
});
