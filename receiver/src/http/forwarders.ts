// How it stands with the forwarders, and what they gave up.
import type { FastifyInstance } from "fastify";
import { useId } from "../engine/commands";
import { Refusal } from "../engine/refusal";
import type { AppDeps } from "./deps";
import { checkMac, NO_BODY_BYTES } from "./operator";

interface ForwarderPath {
  readonly forwarder: string;
}
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

function checkedName({ forwarder }: ForwarderPath): string {
  if (!NAME.test(forwarder)) throw new Refusal("name_malformed", { detail: "forwarder" });
  return forwarder;
}

function known<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Refusal("forwarder_unknown", { detail: `no forwarder ${name}` });
  return value;
}

const lettersOf = async ({ forwarders }: AppDeps, name: string) => known(await forwarders?.deadLetters(name), name);

/** For readers. */
export function forwarderRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.get("/forwarders", async () => {
    const forwarders = (deps.forwarders?.status() ?? []).map(async (one) => ({
      ...one,
      ...(one.position === undefined ? {} : { behind: Math.max(0, deps.engine.position - one.position) }),
      dead_letters: (await lettersOf(deps, one.name)).length,
    }));
    return { forwarders: await Promise.all(forwarders) };
  });

  app.get<{ Params: ForwarderPath }>("/forwarders/:forwarder/dead", async (request) => {
    return { dead_letters: await lettersOf(deps, checkedName(request.params)) };
  });
}

/** For the operator. */
export function resendRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.post<{ Params: ForwarderPath }>(
    "/forwarders/:forwarder/resend",
    { bodyLimit: NO_BODY_BYTES },
    async (request) => {
      const forwarder = checkedName(request.params);
      const id = checkMac(deps, request, { action: "resend", forwarder });
      await lettersOf(deps, forwarder);
      await deps.engine.submit(useId(id, forwarder));
      return { asked_for: known(await deps.forwarders?.sendAgain(forwarder), forwarder) };
    },
  );
}
