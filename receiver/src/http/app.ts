// The HTTP side as a whole. It never listens; main.ts does.
import type { RequestListener } from "node:http";
import proxyAddr, { compile } from "@fastify/proxy-addr";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { Refusal } from "../engine/refusal";
import { plainAddress } from "./access";
import type { AppDeps } from "./deps";
import { changesRoutes } from "./changes";
import { eventRoutes } from "./events";
import { forwarderRoutes } from "./forwarders";
import { operatorRoutes } from "./operator";
import { liveRoutes } from "./live";
import { pageRoutes } from "./page";
import { RateLimit } from "./rate";
import { refused } from "./refused";
import { serviceRoutes } from "./service";
import { statusRoutes } from "./status";
import { Seats } from "./seats";
import { serverOf } from "./server";
import { streamRoutes } from "./stream";
import { waitRoutes } from "./wait";
import { isWebhook, type Surroundings, WEBHOOK, webhookListener } from "./webhook";

/** Asked by who looks whether the receiver is well, also when it is busy. */
const PROBES = ["/healthz", "/readyz"];
const METHODS = ["GET", "HEAD", "POST", "PUT"] as const;
/** They have no end to tell of, so HEAD is refused; the second would otherwise be taken for the page of a VM. */
const STREAMS = ["/events/stream", "/status/stream"];

function refuse(deps: AppDeps, request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  const { status, headers, body } = refused(deps, plainAddress(request.ip), error);
  return reply.code(status).headers(headers).send(body);
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
  if (url === WEBHOOK) return method === "POST";
  const path = url
    .replace(/^\/fleets\/[^/]+\/roster$/, "/fleets/:fleet/roster")
    .replace(/^\/fleets\/[^/]+\/vms\/[^/]+\/(release|retire|acknowledge|wait)$/, "/fleets/:fleet/vms/:vm/$1")
    .replace(/^\/forwarders\/[^/]+\/(dead|resend)$/, "/forwarders/:forwarder/$1")
    .replace(/^\/status\/[^/]+$/, "/status/:vm");
  return app.hasRoute({ method: method as "GET", url: path });
}

function basicApp(deps: AppDeps, webhook: RequestListener): FastifyInstance {
  const app = Fastify({
    logger: false,
    trustProxy: deps.trustedProxies.length === 0 ? false : [...deps.trustedProxies],
    serverFactory: (handler) =>
      serverOf((request, response) => (isWebhook(request) ? webhook : handler)(request, response)),
    routerOptions: { maxParamLength: 300 },
    return503OnClosing: false,
    frameworkErrors: (_error, request, reply) =>
      void refuse(deps, request as FastifyRequest, reply as FastifyReply, new Refusal("path_unknown")),
  });
  app.removeAllContentTypeParsers();
  // Bytes as they came: a MAC is over them, not over what a parser makes of them.
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  return app;
}

/** As Fastify tells it of its requests. */
function addressFinder({ trustedProxies }: AppDeps): Surroundings["addressOf"] {
  if (trustedProxies.length === 0) return ({ socket }) => plainAddress(socket.remoteAddress ?? "");
  const trust = compile([...trustedProxies]);
  return (request) => plainAddress(proxyAddr(request, trust));
}

export function buildApp(deps: AppDeps): FastifyInstance {
  const limit = new RateLimit(deps.rate, deps.now);
  const webhook = webhookListener(deps, { limit, addressOf: addressFinder(deps) });
  const app = basicApp(deps, webhook);
  app.addHook("onRequest", async (request, reply) => {
    void reply.header("x-content-type-options", "nosniff");
    if (!PROBES.includes(request.url)) {
      if (deps.stopping.aborted) throw new Refusal("shutting_down");
      limit.count(plainAddress(request.ip));
    }
    // Fastify would first want a media type of some methods that no path has.
    const known = (METHODS as readonly string[]).includes(request.method);
    const ofStream = request.method === "HEAD" && STREAMS.includes(request.url.split("?")[0] ?? "");
    if (!known || ofStream) throw notFound(app, request);
  });
  app.setErrorHandler((error, request, reply) => refuse(deps, request, reply, error));
  app.setNotFoundHandler((request, reply) => refuse(deps, request, reply, notFound(app, request)));
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
