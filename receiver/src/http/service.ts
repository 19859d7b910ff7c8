import type { FastifyInstance } from "fastify";
import { openapi, schemas } from "@nexus-pull/contract";
import { requireReader } from "./access";
import type { AppDeps } from "./deps";

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
  app.get("/metrics", async (request, reply) => {
    requireReader(request, deps.readers, deps.token);
    return reply.type(deps.metrics.contentType).send(await deps.metrics.text());
  });
  const document = JSON.stringify(openapi);
  app.get("/openapi.json", async (_request, reply) => reply.type("application/json").send(document));
  // The document refers to these by their file names, which are addresses beside its own.
  for (const schema of [schemas.event, schemas.agentConfig, schemas.roster]) {
    const text = JSON.stringify(schema);
    app.get(`/${schema.$id}`, async (_request, reply) => reply.type("application/schema+json").send(text));
  }
}
