// POST /webhook, which nearly every request is: on node:http itself, since a framework's way from the socket to a route and
// back takes a tenth of the time that an event does.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { limits } from "@nexus-pull/contract";
import type { Accepted } from "../engine/commands";
import { Refusal } from "../engine/refusal";
import { printable } from "../intake/notes";
import { VmKeys } from "../intake/signer";
import type { WebhookHeaders } from "../intake/signature";
import { isUnsigned, Webhook } from "../intake/webhook";
import type { AppDeps } from "./deps";
import type { Answer } from "./problem";
import type { RateLimit } from "./rate";
import { refused } from "./refused";
import { header } from "./request";

export const WEBHOOK = "/webhook";

export function isWebhook({ method, url = "" }: IncomingMessage): boolean {
  return method === "POST" && (url === WEBHOOK || url.startsWith(`${WEBHOOK}?`));
}

/** What is too long is refused before it is read to its end. */
function checkLength({ headers }: IncomingMessage): void {
  if (Number(headers["content-length"] ?? 0) > limits.body_bytes) throw new Refusal("body_too_large");
}

/** A body that is there already, which is not worth a stream's events. */
function wholeOf(request: IncomingMessage): Buffer | undefined {
  if (!request.complete || request.headers["content-length"] === undefined) return undefined;
  const whole = request.read() as Buffer | null;
  // Copied, since it is a part of a read buffer: `piecesOf` has what would become of that.
  return whole === null ? undefined : Buffer.from(whole);
}

function piecesOf(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Who left meanwhile is told of to nobody who listens from now on.
    if (request.destroyed) return reject(new Refusal("body_malformed", { detail: "aborted" }));
    const chunks: Buffer[] = [];
    let bytes = 0;
    const take = (chunk: Buffer): void => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= limits.body_bytes) return;
      request.pause();
      reject(new Refusal("body_too_large"));
    };
    const fail = ({ message }: Error): void => reject(new Refusal("body_malformed", { detail: message }));
    // What the pieces are a part of are read buffers of 64 KiB. Kept until the answer, also by who listens, they leave holes
    // in the process's memory: 20 MiB in a million events.
    const end = (): void => {
      request.off("data", take).off("end", end).off("error", fail);
      resolve(Buffer.concat(chunks.splice(0), bytes));
    };
    request.on("data", take).on("end", end).on("error", fail);
  });
}

function headersOf(request: IncomingMessage): WebhookHeaders {
  return {
    id: header(request, "webhook-id"),
    timestamp: header(request, "webhook-timestamp"),
    signature: header(request, "webhook-signature"),
  };
}

function takeNote(deps: AppDeps, remote: string, body: Buffer): Answer {
  if (!deps.takeNotes) throw new Refusal("signature_missing");
  const note = { at: new Date(deps.now()).toISOString(), remote, text: printable(body.toString("utf8")) };
  deps.notes.add(note);
  deps.metrics.notes.inc();
  deps.log({ kind: "note", ...note });
  return answerOf(202, { verified: false });
}

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

function answerOf(status: number, value: unknown): Answer {
  return { status, headers: JSON_TYPE, body: JSON.stringify(value) };
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  const length = Buffer.byteLength(body);
  response.writeHead(status, { ...headers, "x-content-type-options": "nosniff", "content-length": length });
  response.end(body);
}

export interface Surroundings {
  /** Who asks, also behind a proxy. */
  readonly addressOf: (request: IncomingMessage) => string;
  readonly limit: RateLimit;
}

/** Functions that call each other: with async ones, the main thread's best rounds were 2 to 14 % slower. */
export function webhookListener(deps: AppDeps, { addressOf, limit }: Surroundings): RequestListener {
  const webhook = new Webhook(deps.engine, new VmKeys(deps.secrets), deps.now);
  return (request, response) => {
    const remote = addressOf(request);
    const refuse = (error: unknown): void => send(response, refused(deps, remote, error));
    const accepted = (taken: Accepted): void => {
      if (taken.duplicates > 0) deps.metrics.duplicates.inc(taken.duplicates);
      const machine = webhook.standing(header(request, "webhook-id") ?? "");
      send(response, answerOf(200, { ...taken, store: deps.storeId, machine }));
    };
    const take = (body: Buffer): void => {
      const headers = headersOf(request);
      if (isUnsigned(headers)) return send(response, takeNote(deps, remote, body));
      const contentType = request.headers["content-type"];
      webhook.accept({ headers, contentType, body, remote }).then(accepted, refuse);
    };
    const read = (): void => {
      const whole = wholeOf(request);
      if (whole === undefined) piecesOf(request).then(take).catch(refuse);
      else take(whole);
    };
    orElse(refuse, () => {
      if (deps.stopping.aborted) throw new Refusal("shutting_down");
      limit.count(remote);
      checkLength(request);
      // Most bodies come with their head, and are parsed right after it; by then, so is what else came.
      setImmediate(orElse, refuse, read);
    });
  };
}

function orElse(refuse: (error: unknown) => void, act: () => void): void {
  try {
    act();
  } catch (error) {
    refuse(error);
  }
}
