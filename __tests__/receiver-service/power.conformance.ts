// kill -9 cannot show a missing flush, since the page cache survives it. So the receiver runs under strace, and whatever was
// acknowledged must be in the store that the flushed bytes alone make, at many moments. The control, a receiver that does
// not flush, must lose some.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { basename, join } from "node:path";
import { SqliteStore } from "../../receiver/src/store/sqlite";
import { type Running, start, until } from "../../lab/host/processes";
import { tool } from "../../lab/host/tools";
import { describeWith } from "../support/suites";
import { heartbeat, signed, streamOf } from "../../lab/services/receiver-client";
import { Place, ROOT, SECRET } from "../../lab/services/receiver-process";
import { bytesOf, callsOf, momentsOf } from "./power";

const VMS = 10;
const EVENTS_EACH = 30;
const MOMENTS = 30;
const CALLS = "openat,pwrite64,write,writev,ftruncate,fsync,fdatasync,rename,unlink";

/** Resolves once it is acknowledged. Ports are given again; of loopback's addresses there are enough for one each. */
function postFrom(localAddress: string, base: string, body: string, headers: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", headers, agent: false, localAddress };
    const sent = request(`${base}/webhook`, options, (response) => {
      response.resume().once("end", () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`answered ${response.statusCode}`));
      });
    });
    sent.once("error", reject).end(body);
  });
}

function launch(place: Place, trace: string, more: readonly string[]): Running {
  const strace = ["-f", "-yy", "-x", "-s", "100000", "-e", `trace=${CALLS}`, "-o", trace];
  const where = ["--host", "127.0.0.1", "--port", "0", "--data", place.data, "--log-file", place.log];
  const program = [process.execPath, ...more, "--require", "tsx/cjs", "receiver/src/main.ts", ...where];
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, NEXUS_PULL_SECRET: SECRET };
  return start(tool("strace"), [...strace, ...program], { cwd: ROOT, env, timeoutMs: 240_000 });
}

/** Ids by the address that they were sent from. */
async function load(base: string): Promise<Map<string, string>> {
  const sent = new Map<string, string>();
  const speak = async (vm: number): Promise<void> => {
    const [name, stream] = [`vm-${vm}`, streamOf(vm)];
    for (let seq = 1; seq <= EVENTS_EACH; seq += 1) {
      const { id, body } = heartbeat(name, stream, seq);
      const address = `127.1.${vm}.${seq}`;
      await postFrom(address, base, body, signed(name, id, body));
      sent.set(address, id);
    }
  };
  await Promise.all(Array.from({ length: VMS }, (_, vm) => speak(vm)));
  return sent;
}

async function idsIn(files: ReadonlyMap<string, Buffer>, folder: string): Promise<ReadonlySet<string>> {
  mkdirSync(folder);
  for (const [path, content] of files) writeFileSync(join(folder, basename(path)), content);
  const store = await SqliteStore.open(join(folder, "receiver.db"));
  const records = await store.events({ after: 0, limit: 10_000 });
  await store.close();
  return new Set(records.map(({ id }) => id));
}

/** How many acknowledged events are lost at the worst moment. */
async function lostBy(place: Place, more: readonly string[]): Promise<number> {
  const trace = join(place.path, "trace");
  const running = launch(place, trace, more);
  const address = (): string | undefined => /listening: (http:\/\/[^/]+)\/status/.exec(running.output())?.[1];
  await until("the receiver listens", () => address() !== undefined || running.child.exitCode !== null, 120_000);
  const sent = await load(address() ?? "").finally(() => process.kill(-(running.child.pid ?? 0), "SIGKILL"));
  await running.ended;
  let worst = 0;
  let moments = 0;
  for (const { answered, files } of momentsOf(
    readFileSync(trace, "latin1"),
    place.data,
    (VMS * EVENTS_EACH) / MOMENTS,
  )) {
    const there = await idsIn(files, join(place.path, `moment-${(moments += 1)}`));
    const lost = [...answered].filter((address) => !there.has(sent.get(address) ?? ""));
    worst = Math.max(worst, lost.length);
  }
  expect([sent.size, moments]).toEqual([VMS * EVENTS_EACH, MOMENTS]);
  return worst;
}

describeWith(["strace"], "a power loss", () => {
  jest.setTimeout(300_000);
  const place = new Place();
  const control = new Place();
  afterAll(() => [place, control].forEach((one) => one.remove()));

  test("fails when the trace is read wrong", () => {
    expect(bytesOf("\\x00\\xff")).toEqual(Buffer.from([0, 255]));
    expect(bytesOf('a\\n\\"\\\\\\1\\x80')).toEqual(Buffer.from('a\n"\\\u0001\u0080', "latin1"));
    const split = '7 fsync(3</x> <unfinished ...>\n8 write(1, "a", 1) = 1\n7 <... fsync resumed>) = 0';
    expect([...callsOf(split)]).toEqual(['write(1, "a", 1) = 1', "fsync(3</x>) = 0"]);
  });

  test("fails when something acknowledged is not flushed", async () => {
    expect(await lostBy(place, [])).toBe(0);
  });

  test("the control, without flushes, loses some", async () => {
    expect(await lostBy(control, ["--require", join(__dirname, "unsynchronized.cjs")])).toBeGreaterThan(0);
  });
});
