import type { FastifyInstance } from "fastify";
import { Refusal } from "../engine/refusal";
import { patterns } from "../intake/schemas";
import type { AppDeps } from "./deps";
import { integerParameter, type Query, textParameter } from "./query";
import { PAGE } from "./status";
import { eventText } from "./views";

/** A position that the log has, or 0 for its beginning. */
export function positionOf(text: string | undefined, last: number): number | undefined {
  if (text === undefined) return undefined;
  const position = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (!(position <= last)) throw new Refusal("cursor_invalid");
  return position;
}

/** Where a stock EventSource goes on: one that is ahead of a log, as after a restore, begins anew instead of failing for ever. */
export function resumedAt(text: string | undefined, last: number): number {
  if (text !== undefined && /^[0-9]{1,16}$/.test(text) && Number(text) > last) return 0;
  return positionOf(text, last) ?? last;
}

export function eventRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.get<{ Querystring: Query }>("/events", async (request, reply) => {
    await deps.engine.refresh();
    const { query } = request;
    const fleet = textParameter(query, "fleet", patterns.fleet);
    const vm = textParameter(query, "vm", patterns.vm);
    const limit = integerParameter(query, "limit", PAGE);
    const after = positionOf(textParameter(query, "cursor"), deps.engine.position) ?? 0;
    const records = await deps.store.events({ after, limit: limit + 1, fleet, vm });
    const page = records.slice(0, limit);
    const next = records.length > limit ? `,"next":"${page.at(-1)?.position}"` : "";
    return reply.type("application/json").send(`{"events":[${page.map(eventText).join(",")}]${next}}`);
  });
}
