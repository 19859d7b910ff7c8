// Standard Webhooks, as VMs sign what they send.
import { createHmac, type KeyObject } from "node:crypto";

/** What a signature covers. */
export interface Signed {
  /** The header webhook-id: the event's id, stable over all attempts. */
  readonly id: string;
  /** The header webhook-timestamp: Unix seconds of this attempt. */
  readonly seconds: number;
  readonly body: string | Uint8Array;
}

/** The value of the header webhook-signature. */
export function signatureOf(key: string | Uint8Array | KeyObject, { id, seconds, body }: Signed): string {
  return `v1,${createHmac("sha256", key).update(`${id}.${seconds}.`).update(body).digest("base64")}`;
}

/**
 * The headers of a signed delivery.
 *
 * @param key the VM's key (deriveVmKey)
 * @param signed `seconds` defaults to the machine's clock, `type` to one CloudEvent
 */
export function signedHeaders(
  key: string | Uint8Array | KeyObject,
  { seconds = Math.floor(Date.now() / 1000), type = "application/cloudevents+json", ...rest }: DeliveryOptions,
): SignedHeaders {
  return {
    "content-type": type,
    "webhook-id": rest.id,
    "webhook-timestamp": String(seconds),
    "webhook-signature": signatureOf(key, { ...rest, seconds }),
  };
}

/** The headers of a signed delivery, by name. */
export type SignedHeaders = Record<"content-type" | "webhook-id" | "webhook-timestamp" | "webhook-signature", string>;

/** A delivery to sign. */
export type DeliveryOptions = Omit<Signed, "seconds"> & { readonly seconds?: number; readonly type?: string };
