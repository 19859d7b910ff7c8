// Standard Webhooks to any URL: the CloudEvent as it was received, or what a template makes of it.
import { signatureOf } from "@nexus-pull/client/signing";
import type { Item, Target } from "../delivery";
import type { HttpClient } from "../http";
import type { Render } from "../template";
import { viewOf } from "../view";

export interface WebhookOptions {
  readonly url: URL;
  readonly http: HttpClient;
  readonly now: () => number;
  /** Key bytes; without one the request is not signed. */
  readonly key?: Buffer;
  readonly render?: Render;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The bytes of a Standard Webhooks secret: whsec_ and base64, else the text itself. */
export function keyOf(secret: string): Buffer {
  return secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret, "utf8");
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export function webhookTarget({ url, http, now, key, render, headers }: WebhookOptions): Target {
  return {
    async deliver(item: Item, signal: AbortSignal): Promise<void> {
      const body = render === undefined ? item.record.text : render(viewOf(item));
      const type =
        render === undefined ? "application/cloudevents+json" : isJson(body) ? "application/json" : "text/plain";
      // Ids are a VM's own, and the target has those of many.
      const id = `${item.record.fleet}/${item.record.vm}/${item.record.id}`.replace(/[^A-Za-z0-9_-]/g, "_");
      const seconds = Math.floor(now() / 1000);
      const signature = key && signatureOf(key, { id, seconds, body });
      await http.call({
        method: "POST",
        url,
        body,
        signal,
        headers: {
          ...headers,
          "content-type": `${type}; charset=utf-8`,
          "webhook-id": id,
          "webhook-timestamp": String(seconds),
          ...(signature === undefined ? {} : { "webhook-signature": signature }),
        },
      });
    },
  };
}
