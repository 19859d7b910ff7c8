// Standard Webhooks v1 over raw bytes. Pure: (bytes, headers, time, keys) -> a key's index, or why not.
import { createHmac, type KeyObject, timingSafeEqual } from "node:crypto";
import { limits } from "@nexus-pull/contract";

export interface WebhookHeaders {
  readonly id?: string;
  readonly timestamp?: string;
  readonly signature?: string;
}

export interface Signed {
  readonly id: string;
  readonly timestamp: string;
  /** The signatures of a known version, as bytes. */
  readonly given: readonly Buffer[];
}

export type HeaderProblem =
  "signature_missing" | "webhook_id_malformed" | "timestamp_malformed" | "timestamp_too_old" | "timestamp_too_new";

const ID = /^[A-Za-z0-9_-]{1,128}$/;
const TIMESTAMP = /^[0-9]{1,12}$/;
const SIGNATURE_CHARACTERS = 1024;

/** What the headers say, or what is wrong with them; `now` in seconds. */
export function readHeaders({ id, timestamp, signature }: WebhookHeaders, now: number): Signed | HeaderProblem {
  if (id === undefined || timestamp === undefined || signature === undefined) return "signature_missing";
  if (!ID.test(id)) return "webhook_id_malformed";
  if (!TIMESTAMP.test(timestamp)) return "timestamp_malformed";
  const age = now - Number(timestamp);
  if (age > limits.tolerance_s) return "timestamp_too_old";
  if (-age > limits.tolerance_s) return "timestamp_too_new";
  return { id, timestamp, given: signaturesIn(signature) };
}

function signaturesIn(header: string): readonly Buffer[] {
  if (!header.includes(" ")) return [Buffer.from(header)];
  // What is cut off cannot fit: one signature is 47 characters, and a rotation has a few.
  return header
    .slice(0, SIGNATURE_CHARACTERS)
    .split(" ")
    .map((text) => Buffer.from(text));
}

/** Whether one of the signatures is this key's. */
export function isSignedBy(key: KeyObject, signed: Signed, body: Uint8Array): boolean {
  const digest = createHmac("sha256", key).update(`${signed.id}.${signed.timestamp}.`).update(body).digest("base64");
  const expected = Buffer.from(`v1,${digest}`);
  let good = false;
  for (const candidate of signed.given) {
    // No early exit: the time taken must not tell which position fits.
    good = (candidate.length === expected.length && timingSafeEqual(candidate, expected)) || good;
  }
  return good;
}
