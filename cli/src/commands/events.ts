// `nexus-pull events [VM]`.
import { follow, read } from "@nexus-pull/client";
import type { Run } from "../context";
import { EXIT } from "../exit-codes";
import { accessOf } from "../receiver/access";
import { findOne, type StoredEvent } from "../receiver/vms";
import { quote } from "../text";

export interface EventsOptions {
  readonly vm?: string;
  readonly fleet?: string;
  readonly follow: boolean;
  readonly json: boolean;
}

interface Page {
  readonly events: readonly StoredEvent[];
  readonly next?: string;
}

const MOST_PAGES = 10_000;

export const run: Run<EventsOptions> = async (options, context) => {
  const access = accessOf(context);
  const vm = options.vm === undefined ? undefined : await findOne(access, options.vm, options.fleet);
  const filter = { vm: vm?.vm, fleet: vm?.fleet ?? options.fleet };
  const show = (one: StoredEvent): void => context.terminal.out(options.json ? JSON.stringify(one) : line(one));
  let [cursor, last]: [string | undefined, number | undefined] = [undefined, undefined];
  for (let page = 0; page < MOST_PAGES && !context.interrupted.aborted; page++) {
    const got: Page = await read<Page>(access, "/events", { ...filter, cursor, limit: 1000 });
    for (const one of got.events) show(one);
    last = got.events.at(-1)?.position ?? last;
    if (got.next === undefined || got.events.length === 0) break;
    cursor = got.next;
  }
  if (!options.follow) return EXIT.ok;
  const query = new URLSearchParams(
    Object.entries(filter).flatMap(([key, value]): [string, string][] => (value === undefined ? [] : [[key, value]])),
  );
  const note = (why: string): void => context.terminal.err(`connection lost (${quote(why)}); trying again`);
  const from = {
    path: `/events/stream?${query.toString()}`,
    lastId: String(last ?? 0),
    signal: context.interrupted,
    note,
  };
  for await (const { data } of follow(access, from)) show(JSON.parse(data) as StoredEvent);
  return EXIT.interrupted;
};

function line({ received, event }: StoredEvent): string {
  const { data, type } = event;
  const what = [data["reason"], data["message"], data["outcome"]]
    .filter((one) => typeof one === "string")
    .map((one) => quote(String(one)));
  return `${received}  ${String(data["fleet"])}/${String(data["vm"])}  ${type.replace(/^io\.nexus-pull\./, "")}  ${what.join(": ")}`.trimEnd();
}
