// The HTTP side as a whole. It never listens; main.ts does.
import rateLimit from "@fastify/rate-limit";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { Refusal } from "../engine/refusal";
import { printable } from "../intake/notes";
import { plainAddress } from "./access";
import type { AppDeps } from "./deps";
import { changesRoutes } from "./changes";
import { eventRoutes } from "./events";
import { forwarderRoutes } from "./forwarders";
import { operatorRoutes } from "./operator";
import { liveRoutes } from "./live";
import { pageRoutes } from "./page";
import { asRefusal, sendRefusal } from "./problem";
import { serviceRoutes } from "./service";
import { statusRoutes } from "./status";
import { Seats } from "./seats";
import { streamRoutes } from "./stream";
import { waitRoutes } from "./wait";
import { webhookRoutes } from "./webhook";

/** A client that sends its request slower than this is cut off. */
const REQUEST_MS = 30_000;
const HEADERS_MS = 10_000;
/** How often it is looked whether a client is too slow; Node would take half a minute. */
const LOOK_MS = 5_000;
/** Asked by who looks whether the receiver is well, also when it is busy. */
const PROBES = ["/healthz", "/readyz"];
/** The refusal says when to come again; how near others are to the limit is nobody's business. */
const NO_HEADERS = {
  "x-ratelimit-limit": false,
  "x-ratelimit-remaining": false,
  "x-ratelimit-reset": false,
  "retry-after": false,
};
const METHODS = ["GET", "HEAD", "POST", "PUT"] as const;
/** They have no end to tell of, so HEAD is refused; the second would otherwise be taken for the page of a VM. */
const STREAMS = ["/events/stream", "/status/stream"];
/** Refused as the wrong answer to a question, not as an attempt to write. */
const UNREMARKABLE = ["path_unknown", "method_not_allowed", "vm_unknown", "forwarder_unknown", "shutting_down"];

function refuse(deps: AppDeps, request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  const refusal = asRefusal(error);
  if (refusal.code === "internal") deps.report(error);
  deps.metrics.refusals.inc({ code: refusal.code });
  if (!UNREMARKABLE.includes(refusal.code)) {
    const at = new Date(deps.now()).toISOString();
    const remote = plainAddress(request.ip);
    const detail = printable(refusal.details.detail ?? refusal.rejection.meaning, 300);
    const [last] = deps.refused.newest(1);
    // A flood is one line of the log, not a flood there.
    if (refusal.code === "rate_limited" && last?.code === refusal.code && last.remote === remote)
      return sendRefusal(reply, refusal);
    const refused = { at, remote, code: refusal.code, detail };
    deps.refused.add(refused);
    deps.log({ kind: "refused", ...refused });
  }
  // What is left of a body that nobody reads would be taken for the next request.
  if (refusal.code === "body_too_large" || refusal.code === "shutting_down") void reply.header("connection", "close");
  return sendRefusal(reply, refusal);
}

function notFound(app: FastifyInstance, request: FastifyRequest): Refusal {
  const [url = ""] = request.url.split("?");
  const allow = METHODS.filter((method) => matches(app, method, url));
  return allow.length === 0
    ? new Refusal("path_unknown")
    : new Refusal("method_not_allowed", { allow: allow.join(", ") });
}

/** Whether a path has a route for the method. */
function matches(app: FastifyInstance, method: string, url: string): boolean {
  if (STREAMS.includes(url)) return method === "GET";
  const path = url
    .replace(/^\/fleets\/[^/]+\/roster$/, "/fleets/:fleet/roster")
    .replace(/^\/fleets\/[^/]+\/vms\/[^/]+\/(release|retire|acknowledge|wait)$/, "/fleets/:fleet/vms/:vm/$1")
    .replace(/^\/forwarders\/[^/]+\/(dead|resend)$/, "/forwarders/:forwarder/$1")
    .replace(/^\/status\/[^/]+$/, "/status/:vm");
  return app.hasRoute({ method: method as "GET", url: path });
}

function basicApp(deps: AppDeps): FastifyInstance {
  const app = Fastify({
    logger: false,
    trustProxy: deps.trustedProxies.length === 0 ? false : [...deps.trustedProxies],
    requestTimeout: REQUEST_MS,
    connectionTimeout: 0,
    http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: LOOK_MS },
    routerOptions: { maxParamLength: 300 },
    return503OnClosing: false,
    frameworkErrors: (_error, request, reply) =>
      void refuse(deps, request as FastifyRequest, reply as FastifyReply, new Refusal("path_unknown")),
  });
  app.removeAllContentTypeParsers();
  // Bytes as they came: a signature is over them, not over what a parser makes of them.
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  return app;
}

/** Sources that are remembered; of more, the one that was silent for longest is forgotten. */
const SOURCES = 10_000;

async function limitRate(app: FastifyInstance, { rate }: AppDeps): Promise<void> {
  if (rate === 0) return;
  await app.register(rateLimit, {
    ...{ max: rate, timeWindow: 60_000, cache: SOURCES },
    keyGenerator: (request: FastifyRequest) => plainAddress(request.ip),
    allowList: (request: FastifyRequest) => PROBES.includes(request.url),
    errorResponseBuilder: () => new Refusal("rate_limited"),
    addHeaders: NO_HEADERS,
    addHeadersOnExceeding: NO_HEADERS,
  });
}

export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = basicApp(deps);
  app.addHook("onRequest", async (request, reply) => {
    void reply.header("x-content-type-options", "nosniff");
    if (deps.stopping.aborted && !PROBES.includes(request.url)) throw new Refusal("shutting_down");
    // Fastify would first want a media type of some methods that no path has.
    const known = (METHODS as readonly string[]).includes(request.method);
    const ofStream = request.method === "HEAD" && STREAMS.includes(request.url.split("?")[0] ?? "");
    if (!known || ofStream) throw notFound(app, request);
  });
  app.setErrorHandler((error, request, reply) => refuse(deps, request, reply, error));
  app.setNotFoundHandler((request, reply) => refuse(deps, request, reply, notFound(app, request)));
  await limitRate(app, deps);
  webhookRoutes(app, deps);
  operatorRoutes(app, deps);
  waitRoutes(app, deps);
  statusRoutes(app, deps);
  eventRoutes(app, deps);
  forwarderRoutes(app, deps);
  changesRoutes(app, deps);
  const seats = new Seats(deps.maxStreams, deps.maxStreamsOfOne);
  streamRoutes(app, deps, seats);
  liveRoutes(app, deps, seats);
  pageRoutes(app, deps);
  serviceRoutes(app, deps);
  return app;
}
