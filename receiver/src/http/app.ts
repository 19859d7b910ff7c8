// The HTTP side as a whole. It never listens; main.ts does.
import type { RequestListener } from "node:http";
import proxyAddr, { compile } from "@fastify/proxy-addr";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { Refusal } from "../engine/refusal";
import { plainAddress, requireReader } from "./access";
import type { AppDeps } from "./deps";
import { changesRoutes } from "./changes";
import { eventRoutes } from "./events";
import { forwarderRoutes, resendRoutes } from "./forwarders";
import { operatorRoutes } from "./operator";
import { liveRoutes } from "./live";
import { pageRoutes } from "./page";
import { RateLimit } from "./rate";
import { refused } from "./refused";
import { metricsRoutes, serviceRoutes } from "./service";
import { statusRoutes } from "./status";
import { Seats } from "./seats";
import { serverOf } from "./server";
import { streamRoutes } from "./stream";
import { waitRoutes } from "./wait";
import { isWebhook, type Surroundings, WEBHOOK, webhookListener } from "./webhook";

/** Asked by who looks whether the receiver is well, also when it is busy. */
const PROBES = ["/healthz", "/readyz"];
const METHODS = ["GET", "HEAD", "POST", "PUT"] as const;

function refuse(deps: AppDeps, request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  const { status, headers, body } = refused(deps, plainAddress(request.ip), error);
  return reply.code(status).headers(headers).send(body);
}

/** The methods of each path, as the routes themselves say. */
class Methods {
  private readonly exact = new Map<string, Set<string>>();
  private readonly shapes: { readonly shape: RegExp; readonly methods: Set<string> }[] = [];

  public add(path: string, methods: string | readonly string[]): void {
    const known = this.exact.get(path) ?? new Set<string>();
    if (!this.exact.has(path) && path.includes(":"))
      this.shapes.push({ shape: new RegExp(`^${path.replace(/:[^/]+/g, "[^/]+")}$`), methods: known });
    this.exact.set(path, known);
    for (const method of [methods].flat()) known.add(method);
  }

  /** Those of an address. `/status/stream` is not the page of a VM. */
  public of(url: string): readonly string[] {
    const [path = ""] = url.split("?");
    const found = this.exact.get(path) ?? this.shapes.find(({ shape }) => shape.test(path))?.methods;
    return METHODS.filter((method) => found?.has(method));
  }
}

function notFound(allow: readonly string[]): Refusal {
  return allow.length === 0
    ? new Refusal("path_unknown")
    : new Refusal("method_not_allowed", { allow: allow.join(", ") });
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

/** All that needs permission to read. Who may not read gets no further than the hook, whatever the route. */
function readerRoutes(scope: FastifyInstance, deps: AppDeps): void {
  scope.addHook("onRequest", async (request) => requireReader(request, deps));
  statusRoutes(scope, deps);
  eventRoutes(scope, deps);
  forwarderRoutes(scope, deps);
  changesRoutes(scope, deps);
  const seats = new Seats(deps.maxStreams, deps.maxStreamsOfOne);
  streamRoutes(scope, deps, seats);
  liveRoutes(scope, deps, seats);
  metricsRoutes(scope, deps);
}

export function buildApp(deps: AppDeps): FastifyInstance {
  const limit = new RateLimit(deps.rate, deps.now);
  const webhook = webhookListener(deps, { limit, addressOf: addressFinder(deps) });
  const app = basicApp(deps, webhook);
  const methods = new Methods();
  // It goes past the framework.
  methods.add(WEBHOOK, "POST");
  app.addHook("onRoute", (route) => methods.add(route.url, route.method));
  app.addHook("onRequest", async (request, reply) => {
    void reply.header("x-content-type-options", "nosniff");
    if (!PROBES.includes(request.url)) {
      if (deps.stopping.aborted) throw new Refusal("shutting_down");
      limit.count(plainAddress(request.ip));
    }
    // Fastify would first want a media type of some methods that no path has.
    const known = (METHODS as readonly string[]).includes(request.method);
    const allow = methods.of(request.url);
    // A stream has no HEAD, and Fastify would take that of one for the HEAD of a VM's page.
    const noHead = request.method === "HEAD" && allow.length > 0 && !allow.includes("HEAD");
    if (!known || noHead) throw notFound(allow);
  });
  app.setErrorHandler((error, request, reply) => refuse(deps, request, reply, error));
  app.setNotFoundHandler((request, reply) => refuse(deps, request, reply, notFound(methods.of(request.url))));
  operatorRoutes(app, deps);
  resendRoutes(app, deps);
  waitRoutes(app, deps);
  pageRoutes(app, deps);
  serviceRoutes(app, deps);
  void app.register(async (scope) => readerRoutes(scope, deps));
  return app;
}
