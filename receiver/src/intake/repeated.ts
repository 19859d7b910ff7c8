// An event that comes again is the one that is stored when it says the same, however it is spelled: a spool that was
// rewritten, or a proxy, may give an object's members another order.
import { isDeepStrictEqual } from "node:util";
import { type Accepted, takeEvents } from "../engine/commands";
import type { Decision } from "../engine/engine";
import type { Incoming, Transaction } from "../engine/transaction";

async function asStored(transaction: Transaction, incoming: Incoming): Promise<Incoming> {
  const { event, text } = incoming;
  const stored = await transaction.find(event.data.fleet, event.data.vm, event.id);
  // Only what differs is read again.
  if (stored === undefined || stored === text || !isDeepStrictEqual(JSON.parse(stored), JSON.parse(text)))
    return incoming;
  return { event, text: stored };
}

/** One VM's events, some of which may be there already: all of them, or none. */
export function takeSent(events: readonly Incoming[]): Decision<Accepted> {
  return async (transaction) => {
    const all: Incoming[] = [];
    for (const incoming of events) all.push(await asStored(transaction, incoming));
    return takeEvents(all)(transaction);
  };
}
