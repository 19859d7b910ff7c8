// The dashboard: files without data in them, so whoever can connect may have them. What they show is read with the
// reader's own permission.
import type { FastifyInstance } from "fastify";
import { reasons, rejections } from "@nexus-pull/contract";
import type { AppDeps } from "./deps";
import { isKnown } from "./status";

/** Nothing inline, nothing from elsewhere, and no text can become markup: the browser refuses innerHTML altogether. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const HEADERS = {
  "content-security-policy": POLICY,
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-cache",
};

export function pageRoutes(app: FastifyInstance, deps: AppDeps): void {
  for (const { path, type, body, etag } of deps.page)
    app.get(path, async (request, reply) => {
      void reply.headers({ ...HEADERS, etag });
      return isKnown(request, etag) ? reply.code(304).send() : reply.type(type).send(body);
    });
  // What codes mean and what to do, as the page shows it.
  const tables = { "/reasons.json": { reasons }, "/rejections.json": { rejections } };
  for (const [path, table] of Object.entries(tables)) {
    const text = JSON.stringify(table);
    app.get(path, async (_request, reply) => reply.type("application/json").send(text));
  }
}
