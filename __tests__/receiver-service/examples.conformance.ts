// The walk through docs/phase3-observability.md: one command starts a receiver, another posts the contract's examples.
import { start } from "../../lab/host/processes";
import { Place, ReceiverProcess, ROOT, SECRET } from "../../lab/services/receiver-process";

jest.setTimeout(120_000);

test("the contract's examples are taken, one after the other, and show in status and log", async () => {
  const place = new Place();
  const receiver = await ReceiverProcess.start(place);
  try {
    const program = ["--import", "tsx", "receiver/scripts/post-examples.ts", receiver.base, "0"];
    const env = { PATH: process.env.PATH, HOME: place.path, NEXUS_PULL_SECRET: SECRET };
    const { status, stdout, stderr } = await start(process.execPath, program, { cwd: ROOT, env }).ended;
    expect([status, stderr]).toEqual([0, ""]);
    const lines = stdout.trim().split("\n");
    expect(lines.length).toBeGreaterThan(15);
    expect(lines.filter((line) => !line.startsWith("200 "))).toEqual([]);
    const detail = await receiver.json<{ phase: string; timeline: unknown[] }>("/status/nexus-01");
    expect(detail).toMatchObject({ phase: "Failed", timeline: { length: lines.length } });
  } finally {
    await receiver.end();
    place.remove();
  }
});
