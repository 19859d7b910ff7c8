// What an operator asks of a receiver that runs, signed with the operator's secret: retire, acknowledge, resend.
import { randomBytes } from "node:crypto";
import { type OperatorRequest, requestMac } from "@nexus-pull/contract";
import { patterns } from "../intake/schemas";
import type { Config } from "../ops/config";
import { knownSecrets } from "../ops/secrets";

export const ACTIONS = ["retire", "acknowledge", "resend"] as const;
export type Action = (typeof ACTIONS)[number];

export interface Asked {
  readonly action: Action;
  /** FLEET/VM, or a forwarder's name. */
  readonly target?: string;
  readonly config: Config;
  readonly say: (line: string) => void;
}

/** What was asked for cannot be asked like this, or was refused. */
export class OperateError extends Error {}

const TIMEOUT_MS = 30_000;
/** As many MACs as a receiver looks at: while a secret is replaced by another, it may know either. */
const MACS = 8;

interface Call {
  readonly path: string;
  readonly request: OperatorRequest;
  /** What the answer comes to; undefined: nothing was there to be done. */
  readonly done: (answer: Answer) => string | undefined;
  readonly nothing: string;
}

function aboutVm(action: "retire" | "acknowledge", target: string, id: string): Call {
  const [fleet = "", vm = "", ...more] = target.split("/");
  if (more.length > 0 || !patterns.fleet.test(fleet) || !patterns.vm.test(vm))
    throw new OperateError(
      `${action}: name the VM as FLEET/VM, e.g. dev/nexus-01; got ${JSON.stringify(target)}; GET /status has both`,
    );
  const retires = action === "retire";
  return {
    path: `/fleets/${fleet}/vms/${vm}/${action}`,
    request: { action, fleet, vm, id },
    done: (answer) => (answer[retires ? "retired" : "acknowledged"] === true ? `${action}d ${target}` : undefined),
    nothing: retires
      ? `${target} is not known there, or is retired already`
      : `${target} is not known there, or nothing is wrong with it`,
  };
}

function ofForwarder(forwarder: string, id: string): Call {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(forwarder))
    throw new OperateError(`resend: name the forwarder, e.g. chat; got ${JSON.stringify(forwarder)}`);
  return {
    path: `/forwarders/${forwarder}/resend`,
    request: { action: "resend", forwarder, id },
    done: ({ asked_for }) => (Number(asked_for) > 0 ? `${Number(asked_for)} to be sent again` : undefined),
    nothing: `${forwarder} has set nothing aside`,
  };
}

function callOf(action: Action, target: string, id: string): Call {
  return action === "resend" ? ofForwarder(target, id) : aboutVm(action, target, id);
}

function baseOf({ url, host, port }: Config): string {
  if (url !== undefined) return url.replace(/\/+$/, "").replace(/\/webhook$/, "");
  if (host === "0.0.0.0" || host === "::") return `http://localhost:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function ask(base: string, { path, request }: Call, secrets: readonly string[]): Promise<Response> {
  const macs = secrets.slice(0, MACS).map((secret) => requestMac(secret, request));
  const headers = { "nexus-pull-id": request.id, "nexus-pull-mac": macs.join(" ") };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await fetch(base + path, { method: "POST", headers, signal, redirect: "error" });
  } catch (error) {
    const { cause } = error as { cause?: { code?: string; message?: string } };
    const why = cause?.code ?? cause?.message ?? (error as Error).message;
    throw new OperateError(`${base} does not answer: ${why}; name the receiver's address with --url`);
  }
}

type Answer = Readonly<Record<string, unknown>>;

async function answerOf(base: string, response: Response): Promise<Answer> {
  const text = await response.text();
  const answer = parsed(text);
  if (response.ok && answer !== undefined) return answer;
  if (answer?.["code"] === undefined)
    throw new OperateError(`${base} answered ${response.status}, which no receiver does; name its address with --url`);
  const { code, detail, title, remedy } = answer as Record<string, string | undefined>;
  throw new OperateError(`${base} refused it: ${code}: ${detail ?? title}; ${remedy}`);
}

function parsed(text: string): Answer | undefined {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return undefined;
  }
}

/** Whether there was something to do, and it was done. */
export async function operate({ action, target, config, say }: Asked): Promise<boolean> {
  const call = callOf(action, target ?? "", `${action}-${randomBytes(12).toString("hex")}`);
  const base = baseOf(config);
  const response = await ask(base, call, knownSecrets(config));
  const done = call.done(await answerOf(base, response));
  say(done ?? `nothing to ${action}: ${call.nothing}`);
  return done !== undefined;
}
