// The agent's own delivery to the real receiver: through a network that drops, delays, doubles and truncates, while agents
// and receiver are killed -9. Nothing that an agent recorded is lost, doubled or out of order.
import { join } from "node:path";
import { deriveVmKey } from "@nexus-pull/contract";
import { start, until } from "../../lab/host/processes";
import { tool } from "../../lab/host/tools";
import { describeWith } from "../support/suites";
import { everyEvent } from "../../lab/services/receiver-client";
import { Place, ReceiverProcess, ROOT, SECRET } from "../../lab/services/receiver-process";

jest.setTimeout(420_000);

const VMS = ["vm-0", "vm-1"];
const ORDER = { seed: "20260101", writers: 2, each: 200, kills: 10 };
const RECEIVER_KILLS = 3;

interface Report {
  readonly statuses: readonly number[];
  readonly faults: Readonly<Record<string, number>>;
  readonly vms: Readonly<Record<string, { readonly left: object; readonly acknowledged: Record<string, string> }>>;
}
interface Stored {
  readonly id: string;
  readonly data: { readonly vm: string; readonly stream: string; readonly seq: number; readonly run_id?: string };
}

/** Starts the receiver, and kills it while events come in, so often; the last one stays. */
async function receiverThatIsKilled(
  place: Place,
  first: ReceiverProcess,
  done: () => boolean,
): Promise<ReceiverProcess> {
  const port = Number(new URL(first.base).port);
  let receiver = first;
  for (let kill = 0; kill < RECEIVER_KILLS && !done(); kill += 1) {
    const before = (await everyEvent(receiver.base)).length;
    const come = async (): Promise<boolean> => done() || (await everyEvent(receiver.base)).length >= before + 50;
    await until("more events came", come, 120_000);
    await receiver.end("SIGKILL");
    receiver = await ReceiverProcess.start(place, port);
  }
  return receiver;
}

describeWith(["python3"], "agents and the receiver", () => {
  test("fails when a recorded event is lost, doubled or overtaken on its way", async () => {
    const place = new Place();
    let receiver = await ReceiverProcess.start(place);
    try {
      const keys = Object.fromEntries(VMS.map((vm) => [vm, deriveVmKey(SECRET, "dev", vm)]));
      const port = Number(new URL(receiver.base).port);
      const agents = start(tool("python3"), ["-m", "tests.delivery_through"], {
        cwd: join(ROOT, "agent"),
        env: { PATH: process.env.PATH, HOME: process.env.HOME },
        stdin: JSON.stringify({ ...ORDER, port, keys }),
        timeoutMs: 360_000,
      });
      receiver = await receiverThatIsKilled(place, receiver, () => agents.child.exitCode !== null);
      const { stdout, stderr } = await agents.ended;
      if (stdout === "") throw new Error(stderr);
      const report = JSON.parse(stdout) as Report;
      expect(report.statuses).toEqual(VMS.map(() => 0));
      expect(Object.keys(report.faults)).toHaveLength(9);
      const stored = (await everyEvent(receiver.base)).map(({ event }) => event as unknown as Stored);
      for (const vm of VMS) {
        const { left, acknowledged } = report.vms[vm] ?? { left: {}, acknowledged: {} };
        expect(left).toEqual({ waiting: 0, set_aside: 0, dropped: 0 });
        const came = stored.filter(({ id, data }) => data.vm === vm && !id.startsWith("receiver-"));
        expect(new Set(came.map(({ data }) => data.stream)).size).toBe(1);
        expect(came.map(({ data }) => data.seq)).toEqual(came.map((_, index) => index + 1));
        const said = new Map(came.map(({ id, data }) => [id, data.run_id]));
        expect(Object.keys(acknowledged).length).toBeGreaterThanOrEqual(ORDER.writers * ORDER.each);
        expect(Object.keys(acknowledged).map((id) => said.get(id))).toEqual(Object.values(acknowledged));
      }
    } finally {
      await receiver.end();
      place.remove();
    }
  });
});
