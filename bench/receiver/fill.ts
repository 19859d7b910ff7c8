// fill.js {file, vms, each}: a store with so many events of so many VMs, as the engine makes it, in the order in which
// they might have come. Groups are big, so that it takes little.
import { takeEvents } from "../../receiver/src/engine/commands";
import { Engine } from "../../receiver/src/engine/engine";
import { SqliteStore } from "../../receiver/src/store/sqlite";
import type { Event } from "@nexus-pull/contract";
import { said } from "./life";

export interface Fill {
  readonly file: string;
  readonly vms: number;
  readonly each: number;
}

/** So many events of a VM come one after the other, and so many VMs are one group. */
const RUN = 10;
const GROUP = 1000;

async function fill({ file, vms, each }: Fill): Promise<void> {
  const engine = await Engine.open({
    store: await SqliteStore.open(file),
    now: Date.now,
    lingerMs: 0,
    groupSize: GROUP,
  });
  for (let first = 1; first <= each; first += RUN)
    for (let begin = 0; begin < vms; begin += GROUP) {
      const group = Array.from({ length: Math.min(GROUP, vms - begin) }, (_, index) => begin + index);
      const events = (vm: number) =>
        Array.from({ length: Math.min(RUN, each - first + 1) }, (_, index) => {
          const { body } = said(vm, first + index);
          return { event: JSON.parse(body) as Event, text: body };
        });
      await Promise.all(group.map((vm) => engine.submit(takeEvents(events(vm)))));
    }
  await engine.close();
}

fill(JSON.parse(process.argv[2] ?? "") as Fill).catch((error: unknown) => {
  process.stderr.write(`fill: ${String(error)}\n`);
  process.exit(1);
});
