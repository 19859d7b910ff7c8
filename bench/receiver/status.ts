// GET /status of a big fleet, against what it would cost to find the same in the log.
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "libsql";
import { bundled, run, startReceiver } from "./programs";
import type { MeasureOptions, Row } from "./row";
import { short } from "./table";

const WANTED = 400;
/**
 * What CI holds it to, over a tenth of the log. A tenth of the goal would be 40, which a slow machine reaches only just, and not
 * beside other work: there it is seen with 33 to 38, by receivers that reach the goal in full.
 */
const WANTED_QUICK = 30;
const REQUESTS = 300;

/** Each VM's newest event: the least that says how a VM is. No index helps, as none would without the projection. */
const GROUP_BY =
  "SELECT fleet, vm, count(*), max(position), received, event FROM events NOT INDEXED GROUP BY fleet, vm";

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function bodyOf(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.once("end", () => resolve(text));
    }).once("error", reject);
  });
}

/** Milliseconds of the fastest: whatever else the machine does comes on top. */
async function fastest(times: number, act: () => Promise<unknown> | unknown): Promise<number> {
  let least = Infinity;
  for (let time = 0; time < times; time += 1) {
    const begun = process.hrtime.bigint();
    await act();
    least = Math.min(least, Number(process.hrtime.bigint() - begun) / 1e6);
  }
  return least;
}

interface Page {
  readonly summary: { readonly total: number };
  readonly vms: readonly unknown[];
}

async function askStatus(data: string, vms: number): Promise<number> {
  const receiver = await startReceiver(await bundled("receiver/src/main.ts"), { data });
  const url = `http://127.0.0.1:${receiver.port}/status`;
  try {
    const page = JSON.parse(await bodyOf(url)) as Page;
    if (page.summary.total !== vms || page.vms.length === 0)
      throw new Error(`got ${page.summary.total} VMs, not ${vms}`);
    return await fastest(REQUESTS, () => bodyOf(url));
  } finally {
    agent.destroy();
    await receiver.stop();
  }
}

export async function measure({ quick, say }: MeasureOptions): Promise<readonly Row[]> {
  const [vms, each] = quick ? [10_000, 10] : [10_000, 100];
  const folder = mkdtempSync(join(tmpdir(), "bench-status-"));
  const file = join(folder, "receiver.db");
  try {
    await run(await bundled("bench/receiver/fill.ts"), { file, vms, each });
    say(`${short(vms * each)} events are there`);
    const database = new Database(file, { readonly: true });
    const statement = database.prepare(GROUP_BY);
    const grouped = await fastest(quick ? 5 : 3, () => statement.all());
    database.close();
    const asked = await askStatus(folder, vms);
    const note = `${short(asked)} ms, ${short(grouped)} ms; ${short(vms * each)} events, ${short(vms)} VMs`;
    say(`GET /status: ${note}`);
    const name = quick ? "GROUP BY over a tenth of the log / GET /status" : "GROUP BY over the log / GET /status";
    return [{ name, wanted: quick ? WANTED_QUICK : WANTED, seen: grouped / asked, better: "higher", unit: "", note }];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
