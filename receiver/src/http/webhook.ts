import type { FastifyInstance, FastifyRequest } from "fastify";
import { limits } from "../../../contract";
import { Refusal } from "../engine/refusal";
import { printable } from "../intake/notes";
import { VmKeys } from "../intake/signer";
import type { WebhookHeaders } from "../intake/signature";
import { isUnsigned, Webhook } from "../intake/webhook";
import { plainAddress } from "./access";
import type { AppDeps } from "./deps";

export function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}

export function bodyOf(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

function headersOf(request: FastifyRequest): WebhookHeaders {
  const named = (name: string): string | undefined => header(request, `webhook-${name}`);
  return { id: named("id"), timestamp: named("timestamp"), signature: named("signature") };
}

function takeNote(deps: AppDeps, request: FastifyRequest): void {
  const at = new Date(deps.now()).toISOString();
  const remote = plainAddress(request.ip);
  const text = printable(bodyOf(request).toString("utf8"));
  const note = { at, remote, text };
  deps.notes.add(note);
  deps.metrics.notes.inc();
  deps.log({ kind: "note", ...note });
}

export function webhookRoutes(app: FastifyInstance, deps: AppDeps): void {
  const webhook = new Webhook(deps.engine, new VmKeys(deps.secrets), deps.now);
  app.post("/webhook", { bodyLimit: limits.body_bytes }, async (request, reply) => {
    const headers = headersOf(request);
    if (isUnsigned(headers)) {
      if (!deps.takeNotes) throw new Refusal("signature_missing");
      takeNote(deps, request);
      return reply.code(202).send({ verified: false });
    }
    const accepted = await webhook.accept({
      headers,
      contentType: request.headers["content-type"],
      body: bodyOf(request),
      remote: plainAddress(request.ip),
    });
    deps.metrics.duplicates.inc(accepted.duplicates);
    return reply.send(accepted);
  });
}
