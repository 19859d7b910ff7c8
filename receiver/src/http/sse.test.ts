// What live views have in common, on the wire: bare sockets against real HTTP on loopback.
import { connect, type Socket } from "node:net";
import { event, say } from "../test-support";
import { closeAll, codeOf, Served } from "./test-server";

const ends: Socket[] = [];
afterEach(async () => {
  jest.useRealTimers();
  for (const socket of ends.splice(0)) socket.destroy();
  await closeAll();
});

/** A client that says exactly what it wants, and the receiver's end of its connection. */
class Raw {
  public text = "";
  public closed = false;
  private wake = (): void => undefined;

  private constructor(
    public readonly socket: Socket,
    public readonly far: Socket,
  ) {
    ends.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (part) => this.took(part.toString("latin1")));
    socket.once("close", () => {
      this.closed = true;
      this.wake();
    });
  }

  public static async open(served: Served, ...requests: readonly string[]): Promise<Raw> {
    const far = new Promise<Socket>((resolve) => served.app.server.once("connection", resolve));
    const socket = connect(Number(new URL(served.base).port), "127.0.0.1");
    const raw = new Raw(socket, await far);
    socket.write(requests.map((line) => `${line}\r\nHost: 127.0.0.1\r\n\r\n`).join(""));
    return raw;
  }

  private took(text: string): void {
    this.text += text;
    this.wake();
  }

  public async until(holds: () => boolean): Promise<this> {
    while (!holds()) await new Promise<void>((resolve) => (this.wake = resolve));
    return this;
  }

  public has(text: string): Promise<this> {
    return this.until(() => this.text.includes(text));
  }
}

const VIEWS = ["/status/stream", "/events/stream"];
const stream = (path: string, version = "1.1"): string => `GET ${path} HTTP/${version}`;

describe.each(VIEWS)("%s", (path) => {
  test.each(["1.0", "1.1"])(
    "HTTP/%s: the body goes on until the connection ends, with nothing in between",
    async (version) => {
      const served = await Served.open();
      const view = await Raw.open(served, stream(path, version));
      await view.has(": from here on\n\n");
      await say(served.engine, event("vm.booted", { vm: "vm-1" }));
      await view.has('"vm-1"');
      served.stopping.abort();
      await view.until(() => view.closed);
      const [head = "", ...body] = view.text.split("\r\n\r\n");
      expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(head).toMatch(/^connection: close$/im);
      expect(head).toMatch(/^x-content-type-options: nosniff$/im);
      expect(head).not.toMatch(/transfer-encoding|content-length/i);
      expect(body.join("\r\n\r\n")).toMatch(/^: from here on\n\n((id: .*\n)?data: .*\n\n)+$/);
    },
  );

  test("fails when each client's frame is made for it alone", async () => {
    const served = await Served.open();
    const views = await Promise.all([1, 2, 3].map(() => Raw.open(served, stream(path))));
    await Promise.all(views.map((view) => view.has(path === "/status/stream" ? "data: " : "\n\n")));
    const writes = views.map(({ far }) => jest.spyOn(far, "write"));
    await say(served.engine, event("vm.booted", { vm: "vm-1" }));
    await Promise.all(views.map((view) => view.has('"vm-1"')));
    const frames = writes.map(({ mock }) => mock.calls.map(([frame]) => frame as unknown));
    expect(frames.map(({ length }) => length)).toEqual([1, 1, 1]);
    expect(frames[1]?.[0]).toBe(frames[0]?.[0]);
    expect(frames[2]?.[0]).toBe(frames[0]?.[0]);
  });

  describe("a client that does not read", () => {
    /** Only the stream's own clock is the test's: what the sockets do takes the time that it takes. */
    const stopClock = (): void => {
      const real = ["Date", "hrtime", "nextTick", "queueMicrotask", "setImmediate", "setTimeout"] as const;
      jest.useFakeTimers({ doNotFake: [...real, "clearImmediate", "clearTimeout"] });
      jest.advanceTimersByTime(1000);
    };

    /** Two live views, of which one reads no more: what it is sent stays here, as when the system's buffers are full. */
    const oneStalls = async (served: Served): Promise<readonly [stalled: Raw, reads: Raw]> => {
      const [stalled, reads] = [await Raw.open(served, stream(path)), await Raw.open(served, stream(path))];
      await Promise.all([stalled, reads].map((view) => view.has(path === "/status/stream" ? "data: " : "\n\n")));
      stalled.far.cork();
      await say(served.engine, event("run.failed", { vm: "vm-1", data: { message: "x".repeat(200_000) } }));
      await reads.has("x".repeat(200_000));
      while (!stalled.far.writableNeedDrain || reads.far.writableNeedDrain) await new Promise(setImmediate);
      return [stalled, reads];
    };

    test("fails when it keeps its seat for longer than a minute or so, or loses it sooner", async () => {
      stopClock();
      const served = await Served.open({ maxStreamsOfOne: 2 });
      const [stalled, reads] = await oneStalls(served);
      jest.advanceTimersByTime(60_000);
      expect([stalled.far.destroyed, await codeOf(await served.get(path))]).toEqual([false, "streams_exhausted"]);
      jest.advanceTimersByTime(15_000);
      await stalled.until(() => stalled.closed);
      const again = await Raw.open(served, stream(path));
      await again.has(": from here on\n\n");
      expect(again.text).toMatch(/^HTTP\/1\.1 200/);
      // Who reads is told that the connection lives, and keeps it.
      await reads.until(() => reads.text.match(/^:$/gm)?.length === 5);
      expect([reads.closed, reads.far.destroyed]).toEqual([false, false]);
    });

    test("fails when it is not given all of it as soon as it reads again, or is dropped later for what was", async () => {
      stopClock();
      const served = await Served.open();
      const [stalled] = await oneStalls(served);
      await say(served.engine, event("run.started", { vm: "vm-2" }));
      jest.advanceTimersByTime(45_000);
      stalled.far.uncork();
      await stalled.has("x".repeat(200_000));
      await stalled.has('"vm-2"');
      jest.advanceTimersByTime(60_000);
      await stalled.has("\n\n:\n\n");
      expect([stalled.closed, stalled.far.destroyed]).toEqual([false, false]);
    });
  });

  test("behind another request on the connection, fails when it does not wait for that one's answer", async () => {
    const served = await Served.open();
    await say(served.engine, event("vm.booted", { vm: "vm-1" }));
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    jest.spyOn(served.engine, "refresh").mockImplementationOnce(() => held);
    const view = await Raw.open(served, "GET /status HTTP/1.1", stream(path));
    const other = await Raw.open(served, stream(path));
    await other.has(": from here on\n\n");
    await say(served.engine, event("vm.heartbeat", { vm: "vm-1", seq: 2 }));
    await other.has('"vm-1"');
    expect(view.text).toBe("");
    answer();
    await view.has(": from here on\n\n");
    expect(view.text.indexOf("application/json")).toBeLessThan(view.text.indexOf("text/event-stream"));
    expect(view.text.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });
});
