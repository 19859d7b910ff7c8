import type { FastifyInstance } from "fastify";
import { openapi, schemas } from "@nexus-pull/contract";
import type { AppDeps } from "./deps";

/** For readers. */
export function metricsRoutes(app: FastifyInstance, { metrics }: AppDeps): void {
  app.get("/metrics", async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}

export function serviceRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    const { trouble } = deps.engine;
    const reasons = [
      ...(deps.stopping.aborted ? ["shutting_down"] : []),
      ...(trouble === undefined ? [] : [trouble.code]),
    ];
    return reasons.length === 0 ? { status: "ok" } : reply.code(503).send({ status: "unavailable", reasons });
  });
  const document = JSON.stringify(openapi);
  app.get("/openapi.json", async (_request, reply) => reply.type("application/json").send(document));
  // The document refers to these by their file names, which are addresses beside its own.
  for (const schema of [schemas.event, schemas.agentConfig, schemas.roster]) {
    const text = JSON.stringify(schema);
    app.get(`/${schema.$id}`, async (_request, reply) => reply.type("application/schema+json").send(text));
  }
}
