// What must hold of everything that one machine has said: nothing lost, in order, nothing twice.
import type { Delivery } from "../../lab/services/recorder";

type Event = Delivery["event"];

/** What is wrong with the events of a stream in the order in which a receiver took them; a repetition of the same is none. */
export function problemsOf(taken: readonly Event[]): readonly string[] {
  const problems: string[] = [];
  const seen = new Map<string, string>();
  let last = 0;
  for (const event of taken) {
    const [text, before] = [JSON.stringify(event), seen.get(event.id)];
    if (before !== undefined) {
      if (before !== text) problems.push(`${event.id} came twice, and not the same`);
      continue;
    }
    seen.set(event.id, text);
    const seq = Number(event.data.seq);
    if (seq !== last + 1) problems.push(`${event.type} has seq ${seq} and came after ${last}`);
    last = seq;
  }
  const streams = new Set(taken.map(({ data }) => data.stream));
  if (streams.size !== 1) problems.push(`${streams.size} streams`);
  return problems;
}
