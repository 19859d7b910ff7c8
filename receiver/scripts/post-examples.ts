// The life of one VM, as contract/examples/events.json has it, told to a receiver that runs: something to look at before
// there is a VM. It speaks as fleet "dev", VM "nexus-01", on a stream of its own each time.
//   NEXUS_PULL_SECRET="$(cat SECRET_FILE)" npx tsx receiver/scripts/post-examples.ts [http://localhost:9191] [pause in ms]
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { signedHeaders } from "@nexus-pull/client";
import { deriveVmKey, type Event } from "@nexus-pull/contract";
import examples from "@nexus-pull/contract/examples/events.json";

const FLEET = "dev";
const VM = "nexus-01";

interface Example {
  readonly name: string;
  readonly value: unknown;
}

/** The agent's own, in the order of seq, on another stream than the last time. */
function agentEvents(stream: string): Event[] {
  const events = (examples.valid as readonly Example[]).map(({ value }) => value as Event);
  return events
    .filter(({ data }) => data.fleet === FLEET && data.vm === VM && "seq" in data)
    .map((event, index) => {
      const seq = index + 1;
      const time = new Date().toISOString();
      return { ...event, id: `${stream}-${seq}`, time, data: { ...event.data, stream, seq } } as unknown as Event;
    });
}

async function post(base: string, key: string, event: Event): Promise<string> {
  const body = JSON.stringify(event);
  const headers = signedHeaders(key, { id: event.id, body });
  const response = await fetch(`${base}/webhook`, { method: "POST", body, headers });
  return `${response.status} ${event.type.replace("io.nexus-pull.", "")}`;
}

async function main([base = "http://localhost:9191", wait = "400"]: readonly string[]): Promise<void> {
  const secret = process.env["NEXUS_PULL_SECRET"];
  if (secret === undefined || secret === "")
    throw new Error("NEXUS_PULL_SECRET is not set; the receiver says at its start where its secret is");
  const key = deriveVmKey(secret.replace(/\n$/, ""), FLEET, VM);
  for (const event of agentEvents(randomBytes(16).toString("hex"))) {
    process.stdout.write(`${await post(base, key, event)}\n`);
    await pause(Number(wait));
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
