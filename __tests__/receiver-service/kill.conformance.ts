// kill -9 at random moments under load: whatever was acknowledged is there, once. This shows that nothing is acknowledged
// before it is written and that a half-written group disappears; a missing flush it cannot show, since the page cache survives.
import { until } from "../../lab/host/processes";
import { beat, everyEvent, randomOf, streamOf } from "../../lab/services/receiver-client";
import { Place, ReceiverProcess } from "../../lab/services/receiver-process";

jest.setTimeout(600_000);

const KILLS = Number(process.env.NEXUS_PULL_KILLS ?? "20");
const VMS = 20;

/** A VM that says one thing after the other until its receiver is gone; what is not acknowledged it says again later. */
async function speak(vm: number, base: string, next: number[], acknowledged: Set<string>): Promise<void> {
  const [name, stream] = [`vm-${vm}`, streamOf(vm)];
  for (;;) {
    const seq = next[vm] ?? 1;
    const { id, status } = await beat(base, name, stream, seq);
    if (status !== 200) return;
    acknowledged.add(id);
    next[vm] = seq + 1;
  }
}

test(`fails when one of the acknowledged events is lost or doubled by ${KILLS} kills`, async () => {
  const place = new Place();
  const random = randomOf(20260101);
  const acknowledged = new Set<string>();
  const next = Array.from({ length: VMS }, () => 1);
  try {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const receiver = await ReceiverProcess.start(place);
      const goal = acknowledged.size + 50 + Math.floor(random() * 400);
      const speaking = next.map((_, vm) => speak(vm, receiver.base, next, acknowledged));
      await until("there is load", () => acknowledged.size >= goal, 60_000);
      expect((await receiver.end("SIGKILL")).signal).toBe("SIGKILL");
      await Promise.all(speaking);
    }
    const receiver = await ReceiverProcess.start(place);
    const stored = (await everyEvent(receiver.base)).filter(({ event }) => !event.id.startsWith("receiver-"));
    const ids = stored.map(({ event }) => event.id);
    const { vms } = await receiver.json<{ vms: { phase: string }[] }>("/status");
    await receiver.end("SIGKILL");
    expect(new Set(ids).size).toBe(ids.length);
    const there = new Set(ids);
    expect([...acknowledged].filter((id) => !there.has(id))).toEqual([]);
    expect(acknowledged.size).toBeGreaterThan(50 * KILLS);
    // Each had at most one event in the air at each kill: more than that would be somebody else's.
    expect(ids.length - acknowledged.size).toBeLessThanOrEqual(VMS);
    expect(vms.map(({ phase }) => phase)).toEqual(Array.from({ length: VMS }, () => "Booted"));
  } finally {
    place.remove();
  }
});
