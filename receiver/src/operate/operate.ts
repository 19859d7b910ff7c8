// What an operator asks of a receiver that runs, signed with the operator's secret: retire, acknowledge, resend.
import { randomBytes } from "node:crypto";
import {
  baseOf,
  listeningBase,
  NoReceiverError,
  operate as send,
  RefusedError,
  UnreachableError,
  vmPath,
} from "@nexus-pull/client";
import type { OperatorRequest } from "@nexus-pull/contract";
import { patterns } from "../intake/schemas";
import type { Config } from "../ops/config";
import { knownSecrets } from "../ops/secrets";

export const ACTIONS = ["retire", "acknowledge", "trust", "resend"] as const;
export type Action = (typeof ACTIONS)[number];

export interface Asked {
  readonly action: Action;
  /** FLEET/VM, FLEET/VM/STREAM, or a forwarder's name. */
  readonly target?: string;
  readonly config: Config;
  readonly say: (line: string) => void;
}

/** What was asked for cannot be asked like this, or was refused. */
export class OperateError extends Error {}

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
    path: vmPath(fleet, vm, action),
    request: { action, fleet, vm, id },
    done: (answer) => (answer[retires ? "retired" : "acknowledged"] === true ? `${action}d ${target}` : undefined),
    nothing: retires
      ? `${target} is not known there, or is retired already`
      : `${target} is not known there, or nothing is wrong with it`,
  };
}

function ofMachine(target: string, id: string): Call {
  const [fleet = "", vm = "", stream = "", ...more] = target.split("/");
  const isNamed = patterns.fleet.test(fleet) && patterns.vm.test(vm) && patterns.stream.test(stream);
  if (more.length > 0 || !isNamed)
    throw new OperateError(
      `trust: name the machine as FLEET/VM/STREAM; got ${JSON.stringify(target)}; machines of GET /status/VM has the streams`,
    );
  return {
    path: `/fleets/${fleet}/vms/${vm}/machines/${stream}/trust`,
    request: { action: "trust", fleet, vm, stream, id },
    done: ({ trusted }) =>
      trusted === true ? `${stream} is ${fleet}/${vm}; start a run on it: systemctl start nexus-pull` : undefined,
    nothing: `no machine ${stream} of ${fleet}/${vm} is known there`,
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
  if (action === "trust") return ofMachine(target, id);
  return action === "resend" ? ofForwarder(target, id) : aboutVm(action, target, id);
}

/** The address that is given, else where the receiver of this configuration listens. */
const addressOf = ({ url, host, port }: Config): string =>
  url === undefined ? listeningBase(host, port) : baseOf(url);

type Answer = Readonly<Record<string, unknown>>;

/** The error as this command words it. */
function worded(error: unknown): Error {
  if (error instanceof RefusedError) return new OperateError(error.message);
  if (error instanceof UnreachableError)
    return new OperateError(`${error.message}; name the receiver's address with --url`);
  if (error instanceof NoReceiverError) return new OperateError(`${error.message}; name its address with --url`);
  return error as Error;
}

/** Whether there was something to do, and it was done. */
export async function operate({ action, target, config, say }: Asked): Promise<boolean> {
  const call = callOf(action, target ?? "", `${action}-${randomBytes(12).toString("hex")}`);
  const access = { base: addressOf(config), secrets: knownSecrets(config) };
  const answer = await send(access, call.path, call.request).catch((error: unknown) => Promise.reject(worded(error)));
  const done = call.done(answer);
  say(done ?? `nothing to ${action}: ${call.nothing}`);
  return done !== undefined;
}
