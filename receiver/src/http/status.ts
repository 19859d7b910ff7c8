import { createHash, randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import type { FastifyInstance, FastifyRequest } from "fastify";
import ipaddr from "ipaddr.js";
import { lifecycle } from "@nexus-pull/contract";
import type { LogRecord } from "../domain/log";
import { currentMachine, type VmState } from "../domain/state";
import { keyOf } from "../engine/fleets";
import { Refusal } from "../engine/refusal";
import { patterns } from "../intake/schemas";
import type { AppDeps } from "./deps";
import { integerParameter, type Query, refuseParameter, textParameter } from "./query";
import { vmDetail, vmView } from "./views";

const PHASES = lifecycle.phases.map(({ name }) => name as string);
/** Of so many of its newest events the timeline is made. */
const LOOKED_AT = 500;
const TIMELINE = 100;
export const SHOWN = 20;
export const PAGE = { least: 1, most: 1000, otherwise: 200 };

function phasesOf(query: Query): readonly string[] | undefined {
  const phases = textParameter(query, "phase")?.split(",");
  if (phases?.some((phase) => !PHASES.includes(phase))) refuseParameter("phase", `must be of ${PHASES.join(", ")}`);
  return phases;
}

const WORDS_AT_MOST = 200;

function wordsOf(query: Query): readonly string[] {
  const text = textParameter(query, "q") ?? "";
  if (text.length > WORDS_AT_MOST) refuseParameter("q", `must be at most ${WORDS_AT_MOST} characters`);
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

function says(state: VmState, word: string): boolean {
  const machine = currentMachine(state);
  const { fleet, vm, reason, message, applied_sha, intended_sha, announced } = state;
  const addresses = (machine?.facts["addresses"] ?? []) as readonly string[];
  const instance = machine?.instance_id ?? announced?.instance_id;
  return [keyOf(fleet, vm), reason, message, applied_sha, intended_sha, announced?.ref, instance, ...addresses].some(
    (text) => text?.toLowerCase().includes(word) === true,
  );
}

/** The key behind which the page begins. */
function cursorOf(query: Query): string | undefined {
  const cursor = textParameter(query, "cursor");
  if (cursor === undefined) return undefined;
  const key = Buffer.from(cursor, "base64url").toString("utf8");
  const isOurs = Buffer.from(key).toString("base64url") === cursor && key.includes("/");
  if (!isOurs) throw new Refusal("cursor_invalid");
  return key;
}

export function summary(states: readonly VmState[]): Record<string, unknown> {
  const phases: Record<string, number> = {};
  for (const { phase } of states) phases[phase] = (phases[phase] ?? 0) + 1;
  return { total: states.length, phases };
}

function statusPage(deps: AppDeps, query: Query): Record<string, unknown> {
  const fleet = textParameter(query, "fleet", patterns.fleet);
  const phases = phasesOf(query);
  const reason = textParameter(query, "reason", patterns.reason);
  const words = wordsOf(query);
  const after = cursorOf(query);
  const limit = integerParameter(query, "limit", PAGE);
  const all = deps.engine.fleets.all().filter((state) => fleet === undefined || state.fleet === fleet);
  const page = all
    .filter(({ phase }) => phases === undefined || phases.includes(phase))
    .filter((state) => (reason === undefined || state.reason === reason) && words.every((word) => says(state, word)))
    .filter((state) => after === undefined || keyOf(state.fleet, state.vm) > after)
    .slice(0, limit + 1);
  const last = page.length > limit ? page[limit - 1] : undefined;
  return {
    summary: summary(all),
    vms: page.slice(0, limit).map((state) => vmView(state, deps.now())),
    ...(last === undefined ? {} : { next: Buffer.from(keyOf(last.fleet, last.vm)).toString("base64url") }),
    ...(after === undefined ? { notes: deps.notes.newest(SHOWN), refused: deps.refused.newest(SHOWN) } : {}),
  };
}

/** By name, instance id or address, as long as it fits one VM only. */
function lookUp(deps: AppDeps, text: string, fleet: string | undefined): VmState {
  const all = deps.engine.fleets.all().filter((state) => fleet === undefined || state.fleet === fleet);
  const address = isIPv6(text) ? ipaddr.parse(text).toString() : text;
  const has = (state: VmState): boolean =>
    ((currentMachine(state)?.facts["addresses"] ?? []) as readonly string[]).includes(address);
  const fits: ((state: VmState) => boolean)[] = [
    ({ vm }) => vm === text,
    (state) => (currentMachine(state)?.instance_id ?? state.announced?.instance_id) === text,
    // A VM that is retired had its address, which another may have now.
    (state) => state.phase !== "Retired" && has(state),
    has,
  ];
  for (const fit of fits) {
    const found = all.filter(fit);
    if (found.length > 1)
      throw new Refusal("vm_ambiguous", { candidates: found.slice(0, 100).map(({ fleet: of, vm }) => keyOf(of, vm)) });
    if (found[0] !== undefined) return found[0];
  }
  throw new Refusal("vm_unknown");
}

/** Heartbeats but the newest are left out: a day of them would hide how the VM came here. */
function told(newest: readonly LogRecord[]): readonly LogRecord[] {
  const beat = newest.find(({ type }) => type === "vm.heartbeat");
  return newest.filter((record) => record.type !== "vm.heartbeat" || record === beat).slice(0, TIMELINE);
}

/** Differs when what is shown may differ, but for the passing of time. */
function etagOf(deps: AppDeps, run: string, request: FastifyRequest): string {
  const shown = [...deps.notes.newest(1), ...deps.refused.newest(1)];
  const of = JSON.stringify([run, deps.engine.fleets.version, shown, request.url]);
  return `W/"${createHash("sha256").update(of).digest("base64url").slice(0, 22)}"`;
}

export function isKnown(request: FastifyRequest, etag: string): boolean {
  const given = request.headers["if-none-match"];
  return given !== undefined && given.split(",").some((one) => one.trim() === etag || one.trim() === "*");
}

export function statusRoutes(app: FastifyInstance, deps: AppDeps): void {
  // Versions count from zero after a restart, so a tag must not outlive the process.
  const run = randomBytes(8).toString("hex");
  app.get<{ Querystring: Query }>("/status", async (request, reply) => {
    await deps.engine.refresh();
    const page = statusPage(deps, request.query);
    const etag = etagOf(deps, run, request);
    void reply.header("etag", etag).header("cache-control", "no-cache");
    return isKnown(request, etag) ? reply.code(304).send() : reply.send(page);
  });
  app.get<{ Params: { vm: string }; Querystring: Query }>("/status/:vm", async (request, reply) => {
    await deps.engine.refresh();
    if (request.params.vm.length > 200) refuseParameter("vm", "must be at most 200 characters");
    const state = lookUp(deps, request.params.vm, textParameter(request.query, "fleet", patterns.fleet));
    const newest = await deps.store.newest(state.fleet, state.vm, LOOKED_AT);
    return reply.send(vmDetail(state, told(newest), deps.now()));
  });
}
