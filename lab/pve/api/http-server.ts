// The HTTPS side: from a request to a call, and from an answer or a refusal to what Proxmox would send.
import type { IncomingMessage, ServerResponse } from "node:http";
import { authenticate, unauthorized } from "../world/auth";
import { sleep } from "../world/clock";
import { PveError, textOf } from "../world/errors";
import { readBody, type Body } from "./request-body";
import type { RequestLog } from "./request-log";
import { LOGIN_PATH, type Router } from "./router";
import type { World } from "../world/world";

const PREFIX = "/api2/json";

interface Exchange {
  readonly world: World;
  readonly router: Router;
  readonly log: RequestLog;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface Outcome {
  /** What was called; nothing when it did not come to that. */
  readonly route?: string;
  readonly status: number;
  readonly reason: string;
  readonly answer: string;
}

function refusal(error: unknown): Outcome {
  if (!(error instanceof PveError))
    return refusal(new PveError(500, `internal error of the stand-in: ${textOf(error)}`));
  const { status, message, options } = error;
  // A reason phrase ends at a newline, and takes no other control characters.
  const reason = (message.split("\n")[0] ?? "").replace(/[^\t\x20-\x7e]/g, "?");
  if (options.noBody === true) return { status, reason, answer: "" };
  const text = options.noNewline === true ? message : `${message}\n`;
  const errors = options.errors === undefined ? {} : { errors: options.errors };
  return { status, reason, answer: JSON.stringify({ data: null, message: text, ...errors }) };
}

function send({ response }: Exchange, outcome: Outcome): void {
  response.statusCode = outcome.status;
  response.statusMessage = outcome.reason;
  response.setHeader("Server", "pve-api-daemon/3.0");
  response.setHeader("Cache-Control", "max-age=0");
  response.setHeader("Pragma", "no-cache");
  if (outcome.answer !== "") response.setHeader("Content-Type", "application/json;charset=UTF-8");
  response.end(outcome.answer);
}

/** A fault instead of an answer; "dropped" when the connection is gone. */
function faulty(exchange: Exchange, path: string): Outcome | "dropped" | undefined {
  const { world, request } = exchange;
  const fault = world.faults.take(["answer", "drop", "expired-ticket"], path, request.method);
  if (fault === undefined) return undefined;
  if (fault.kind === "drop") {
    request.socket.destroy();
    return "dropped";
  }
  return refusal(
    fault.kind === "answer" ? new PveError(fault.status, fault.text) : unauthorized("Authentication failed!"),
  );
}

interface Parsed {
  readonly path: string;
  readonly query: URLSearchParams;
}

function parse(request: IncomingMessage): Parsed {
  const url = new URL(request.url ?? "/", "https://pve.invalid");
  return { path: url.pathname.slice(PREFIX.length), query: url.searchParams };
}

async function callApi(exchange: Exchange, parsed: Parsed, body: Body, user: string): Promise<Outcome> {
  const { world, router, request } = exchange;
  const match = router.find(request.method ?? "GET", parsed.path);
  const route = `${match.route.method} ${match.route.path}`;
  const given = new Map([...parsed.query, ...body.fields]);
  try {
    const data = await router.call(match, { world, user, given, file: body.file });
    return { route, status: 200, reason: "OK", answer: JSON.stringify({ data: data ?? null }) };
  } catch (error) {
    // Measured: a refused upload has no body.
    if (error instanceof PveError && error.status === 403 && parsed.path.endsWith("/upload"))
      return { route, ...refusal(error), answer: "" };
    return { route, ...refusal(error) };
  }
}

/** Answers one request to the API. */
export async function serveApi(exchange: Exchange): Promise<void> {
  const { world, request, log } = exchange;
  const parsed = parse(request);
  let body: Body = { text: "", fields: new Map() };
  let user: string | undefined;
  let outcome: Outcome;
  try {
    body = await readBody(request);
    const fault = faulty(exchange, parsed.path);
    if (fault === "dropped") {
      log.add({ ...asked(request, body), status: 0, reason: "dropped", answer: "" });
      return;
    }
    const isLogin = parsed.path === LOGIN_PATH && request.method === "POST";
    if (fault === undefined && !isLogin)
      user = authenticate(world.cluster, world.tickets, { method: request.method ?? "GET", headers: request.headers });
    outcome = fault ?? (await callApi(exchange, parsed, body, user ?? ""));
  } catch (error) {
    outcome = refusal(error);
  }
  if (outcome.status === 401) await sleep(world.clock, world.times.unauthorized);
  send(exchange, outcome);
  log.add({ ...asked(request, body), user, ...outcome });
}

function asked(request: IncomingMessage, body: Body): { method: string; path: string; body: string } {
  return { method: request.method ?? "GET", path: request.url ?? "/", body: body.text };
}

/** Whether a request is for the API at all. */
export function isApi(request: IncomingMessage): boolean {
  return request.url?.startsWith(`${PREFIX}/`) === true;
}
