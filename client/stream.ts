// Server-sent events: one connection, and a live view that comes back where it was.
import { setTimeout as pause } from "node:timers/promises";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { isFinal, refused, UnreachableError } from "./problems";
import { type Access, readerHeaders } from "./requests";

/** An event of a stream: `id`, `event` (its type, if it has one) and `data`. */
export type StreamEvent = EventSourceMessage;

/** The events of one connection, in order. Ends, or fails, when the connection does. */
export async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  let waiting: StreamEvent[] = [];
  const parser = createParser({ onEvent: (event) => waiting.push(event) });
  for await (const part of body) {
    parser.feed(decoder.decode(part, { stream: true }));
    const found = waiting;
    waiting = [];
    yield* found;
  }
}

/** How a stream is followed. */
export interface Follow {
  /** Path and query: `/events/stream` or `/status/stream`. */
  readonly path: string;
  /** Id of the last event that was seen. @default - from now on */
  readonly lastId?: string;
  readonly signal: AbortSignal;
  /** Milliseconds before a connection that ended is made again. @default 1000 */
  readonly pauseMs?: number;
  /** The connection ended; it will be made again. */
  readonly note?: (why: string) => void;
}

/**
 * The events of a view, over as many connections as it takes, until `signal`. None is missed that the receiver has.
 *
 * @throws RefusedError, NoReceiverError - the receiver does not serve it
 */
export async function* follow({ base, token }: Access, options: Follow): AsyncGenerator<StreamEvent> {
  const { path, signal, pauseMs = 1000, note } = options;
  let lastId = options.lastId;
  while (!signal.aborted) {
    try {
      const from: Record<string, string> = lastId === undefined ? {} : { "last-event-id": lastId };
      const headers = { accept: "text/event-stream", ...readerHeaders(token), ...from };
      const response = await fetch(base + path, { headers, signal, redirect: "error" });
      await checkStream(base, response);
      for await (const event of eventsOf(response.body as unknown as AsyncIterable<Uint8Array>)) {
        lastId = event.id ?? lastId;
        yield event;
      }
      note?.("the connection ended");
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) throw error;
      note?.((error as Error).message);
    }
    await pause(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

/** A receiver that is in trouble will be there again; any other answer that is no stream is final. */
async function checkStream(base: string, response: Response): Promise<void> {
  if (response.status === 200 && response.body !== null) return;
  const error = refused(base, response.status, await response.text());
  throw response.status === 429 || response.status >= 500 ? new UnreachableError(base, error.message) : error;
}
