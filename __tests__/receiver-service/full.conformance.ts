// A disk that is full: nothing is acknowledged, the rest goes on, and it recovers by itself.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { until } from "../../lab/host/processes";
import { everyEvent, heartbeat, signed } from "../../lab/services/receiver-client";
import { Place, ReceiverProcess } from "../../lab/services/receiver-process";

jest.setTimeout(180_000);

/** A file system of its own that is full soon; undefined where this user may not mount one. */
function smallDisk(folder: string): boolean {
  mkdirSync(folder, { recursive: true });
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=3m", "none", folder]).status === 0;
}

const place = new Place();
const mounted = smallDisk(place.data);
afterAll(() => {
  if (mounted) spawnSync("umount", ["-l", place.data]);
  place.remove();
});

const inCi = process.env.CI !== undefined && process.env.CI !== "";
if (!mounted && !inCi) process.stderr.write("SKIPPED a full disk: only root may mount a small one\n");

(mounted || inCi ? test : test.skip)("a full disk acknowledges nothing, and recovers by itself", async () => {
  expect(mounted).toBe(true);
  const receiver = await ReceiverProcess.start(place);
  const acknowledged: string[] = [];
  let seq = 0;
  const send = async (): Promise<Response> => {
    const { id, body } = heartbeat("vm-1", "0".repeat(32), seq + 1);
    const response = await fetch(`${receiver.base}/webhook`, {
      method: "POST",
      body,
      headers: signed("vm-1", id, body),
    });
    if (response.status !== 200) return response;
    acknowledged.push(id);
    seq += 1;
    return response;
  };
  const ballast = join(place.data, "ballast");
  try {
    expect((await send()).status).toBe(200);
    // Until nothing more fits; what is already there is not touched.
    for (const size of [1_000_000, 100_000, 4096])
      for (let i = 0; i < 40; i += 1)
        try {
          writeFileSync(`${ballast}-${size}-${i}`, Buffer.alloc(size, 1));
        } catch {
          break;
        }
    let refused = await send();
    for (let i = 0; refused.status === 200 && i < 2000; i += 1) refused = await send();
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "30"]);
    expect(await refused.json()).toMatchObject({ code: "store_full", action: "retry" });
    expect((await fetch(`${receiver.base}/readyz`)).status).toBe(503);
    expect((await fetch(`${receiver.base}/status`)).status).toBe(200);
    expect((await everyEvent(receiver.base)).map(({ event }) => event.id)).toEqual(acknowledged);
    for (const size of [1_000_000, 100_000, 4096])
      for (let i = 0; i < 40; i += 1) rmSync(`${ballast}-${size}-${i}`, { force: true });
    const ready = async (): Promise<boolean> => (await fetch(`${receiver.base}/readyz`)).status === 200;
    await until("it is ready without an event", ready);
    expect((await send()).status).toBe(200);
    await receiver.end("SIGKILL");
    const again = await ReceiverProcess.start(place);
    expect((await everyEvent(again.base)).map(({ event }) => event.id)).toEqual(acknowledged);
    expect((await again.end()).status).toBe(0);
  } finally {
    await receiver.end("SIGKILL");
  }
});
