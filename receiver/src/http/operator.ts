import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { limits, type OperatorRequest, type Roster, verifyRequestMac } from "@nexus-pull/contract";
import { aboutVm, putRoster, trust } from "../engine/commands";
import { Refusal } from "../engine/refusal";
import { parseBody } from "../intake/events";
import { errorsOf, patterns, validators } from "../intake/schemas";
import type { AppDeps } from "./deps";
import { bodyOf, header } from "./request";

type Unsigned = OperatorRequest extends infer R ? (R extends OperatorRequest ? Omit<R, "id"> : never) : never;

/** Before a body is read: whoever has no well-formed id and MAC does not get as far as to send one. */
function checkHeaders(request: FastifyRequest): string {
  const id = header(request, "nexus-pull-id");
  const mac = header(request, "nexus-pull-mac");
  if (id === undefined || mac === undefined) throw new Refusal("mac_missing");
  if (!patterns.requestId.test(id)) throw new Refusal("request_id_malformed");
  if (!/^v1,[0-9a-f]{64}(?: |$)/.test(mac)) throw new Refusal("mac_invalid");
  return id;
}

/** So many bytes of bodies are read at once that nobody's MAC was checked over. */
const UNCHECKED_BYTES = 64 * 1024 * 1024;

/** Bounds what bodies that are on their way may take. */
function inFlight(): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  let bytes = 0;
  return async (request, reply) => {
    // What is left of a body that nobody reads would be taken for the next request.
    const length = Number(request.headers["content-length"] ?? limits.roster_bytes);
    // A short one costs nothing, and is told first what else is wrong with it.
    if (length <= NO_BODY_BYTES) return;
    void reply.header("connection", "close");
    checkHeaders(request);
    if (bytes + length > UNCHECKED_BYTES) throw new Refusal("rate_limited", { detail: "too many rosters at once" });
    void reply.removeHeader("connection");
    bytes += length;
    reply.raw.once("close", () => (bytes -= length));
  };
}

/** The request's id, when its MAC is good. */
export function checkMac(deps: AppDeps, request: FastifyRequest, what: Unsigned): string {
  const id = header(request, "nexus-pull-id");
  const mac = header(request, "nexus-pull-mac");
  if (id === undefined || mac === undefined) throw new Refusal("mac_missing");
  if (!patterns.requestId.test(id)) throw new Refusal("request_id_malformed");
  // Eight MACs, as openapi.json has it: each costs two hashes a secret.
  const some = mac.split(" ").slice(0, 8).join(" ");
  if (!verifyRequestMac(deps.secrets, { ...what, id } as OperatorRequest, some)) throw new Refusal("mac_invalid");
  return id;
}

export interface VmPath {
  readonly fleet: string;
  readonly vm: string;
}

export function checkName({ fleet, vm }: Partial<VmPath>): void {
  if (fleet !== undefined && !patterns.fleet.test(fleet)) throw new Refusal("name_malformed", { detail: "fleet" });
  if (vm !== undefined && !patterns.vm.test(vm)) throw new Refusal("name_malformed", { detail: "vm" });
}

function readRoster(body: Buffer): Roster {
  const { value } = parseBody(body);
  if (!validators.roster(value)) throw new Refusal("roster_invalid", { errors: errorsOf(validators.roster) });
  const roster = value as Roster;
  const seen = new Set<string>();
  for (const [index, { name }] of roster.entries()) {
    if (seen.has(name))
      throw new Refusal("roster_invalid", { errors: [{ path: `/${index}/name`, message: `${name} is there twice` }] });
    seen.add(name);
  }
  return roster;
}

/** Larger than any body of a request that has none. */
export const NO_BODY_BYTES = 65_536;

export function operatorRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.put<{ Params: VmPath }>(
    "/fleets/:fleet/roster",
    { bodyLimit: limits.roster_bytes, onRequest: inFlight() },
    async (request, reply) => {
      const { fleet } = request.params;
      checkName({ fleet });
      const body = bodyOf(request);
      const id = checkMac(deps, request, { action: "roster", fleet, body });
      const answer = await deps.engine.submit(putRoster({ id, fleet, body }, readRoster(body)));
      return reply.type("application/json").send(answer);
    },
  );
  app.post<{ Params: VmPath & { readonly stream: string } }>(
    "/fleets/:fleet/vms/:vm/machines/:stream/trust",
    { bodyLimit: NO_BODY_BYTES },
    async (request, reply) => {
      const { fleet, vm, stream } = request.params;
      checkName(request.params);
      if (!patterns.stream.test(stream)) throw new Refusal("name_malformed", { detail: "stream" });
      const id = checkMac(deps, request, { action: "trust", fleet, vm, stream });
      const answer = await deps.engine.submit(trust({ id, fleet, body: new Uint8Array() }, vm, stream));
      return reply.type("application/json").send(answer);
    },
  );
  for (const action of ["release", "retire", "acknowledge"] as const)
    app.post<{ Params: VmPath }>(
      `/fleets/:fleet/vms/:vm/${action}`,
      { bodyLimit: NO_BODY_BYTES },
      async (request, reply) => {
        const { fleet, vm } = request.params;
        checkName(request.params);
        const id = checkMac(deps, request, { action, fleet, vm });
        const answer = await deps.engine.submit(aboutVm(action, { id, fleet, body: new Uint8Array() }, vm));
        return reply.type("application/json").send(answer);
      },
    );
}
