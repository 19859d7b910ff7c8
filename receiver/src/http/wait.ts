import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { limits } from "@nexus-pull/contract";
import { waitAnswer, type WaitAnswer } from "../domain/wait";
import { Refusal } from "../engine/refusal";
import { patterns } from "../intake/schemas";
import { requireReader } from "./access";
import type { AppDeps } from "./deps";
import { checkMac, checkName, type VmPath } from "./operator";
import { integerParameter, type Query, textParameter } from "./query";
import { header } from "./request";
import { Seats } from "./seats";

interface Asked extends VmPath {
  readonly commit?: string;
  readonly timeoutMs: number;
}

const DEFAULT_TIMEOUT_S = 60;

/** Whether it is signed. */
function authorize(deps: AppDeps, request: FastifyRequest, { fleet, vm }: VmPath): boolean {
  const signed = header(request, "nexus-pull-id") ?? header(request, "nexus-pull-mac");
  if (signed === undefined) requireReader(request, deps);
  else checkMac(deps, request, { action: "wait", fleet, vm });
  return signed !== undefined;
}

/** Resolves with the answer, or with undefined when the asker has gone or the receiver stops. */
function answerInTime(deps: AppDeps, asked: Asked, gone: AbortSignal): Promise<WaitAnswer | undefined> {
  const now = (): WaitAnswer => waitAnswer(deps.engine.fleets.get(asked.fleet, asked.vm), asked.commit);
  return new Promise((resolve) => {
    const end = (answer: WaitAnswer | undefined): void => {
      clearTimeout(timer);
      unsubscribe();
      gone.removeEventListener("abort", onGone);
      resolve(answer);
    };
    const onGone = (): void => end(undefined);
    const look = (): void => {
      const answer = now();
      if (answer.status !== 504) end(answer);
    };
    const unsubscribe = deps.engine.subscribe(look);
    const timer = setTimeout(() => end(now()), asked.timeoutMs);
    if (gone.aborted) onGone();
    else gone.addEventListener("abort", onGone);
    look();
  });
}

function askedOf(request: FastifyRequest<{ Params: VmPath; Querystring: Query }>): Asked {
  const bounds = { least: 0, most: limits.wait_timeout_s, otherwise: DEFAULT_TIMEOUT_S };
  const timeoutMs = integerParameter(request.query, "timeout_s", bounds) * 1000;
  return { ...request.params, commit: textParameter(request.query, "commit", patterns.commit), timeoutMs };
}

function goneWith(reply: FastifyReply, stopping: AbortSignal): AbortSignal {
  const closed = new AbortController();
  reply.raw.once("close", () => closed.abort());
  return AbortSignal.any([closed.signal, stopping]);
}

export function waitRoutes(app: FastifyInstance, deps: AppDeps): void {
  let waiting = 0;
  // An operator's have a half to themselves; of the other, one source has a part.
  const half = Math.ceil(deps.maxWaits / 2);
  const unsigned = new Seats(half, Math.ceil(half / 4));
  deps.metrics.gauge("nexus_pull_waits", "Requests that wait for a VM.", () => waiting);
  app.get<{ Params: VmPath; Querystring: Query }>("/fleets/:fleet/vms/:vm/wait", async (request, reply) => {
    checkName(request.params);
    const isSigned = authorize(deps, request, request.params);
    const asked = askedOf(request);
    await deps.engine.refresh();
    if (waiting >= deps.maxWaits) throw new Refusal("streams_exhausted");
    const giveBack = isSigned ? undefined : unsigned.take(request.ip);
    waiting += 1;
    const answer = await answerInTime(deps, asked, goneWith(reply, deps.stopping)).finally(() => {
      waiting -= 1;
      giveBack?.();
    });
    if (answer === undefined) throw new Refusal("shutting_down");
    return reply.code(answer.status).type("text/plain; charset=utf-8").send(`${answer.text}\n`);
  });
}
