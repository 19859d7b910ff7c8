// An S3 store over HTTP. aws4fetch signs; nothing is retried, since a repeated PUT would answer for the first one.
import { createHash } from "node:crypto";
import { AwsClient } from "aws4fetch";
import type { Answer, Store } from "./probe";

/** Where a store is and who asks. */
export interface StoreAddress {
  /** Scheme, host and port. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const TIMEOUT_MS = 20_000;
const SHOWN = 300;

/** The store's error code and message, or the beginning of whatever it said, safe to print. */
function saidIn(text: string): string {
  const field = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? "";
  const found = [field("Code"), field("Message")].filter((part) => part !== "").join(": ");
  // An answer must not move the terminal's cursor.
  return (found === "" ? text : found)
    .replace(/\p{C}+/gu, " ")
    .trim()
    .slice(0, SHOWN);
}

// Errors of the network after which no byte of the request has arrived.
const UNSENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_TLS.*|.*CERT.*|.*SIGNATURE.*)$/;

function noAnswer(error: unknown): Answer {
  // fetch says "fetch failed"; the cause says why.
  const { cause, ...own } = error as { cause?: { code?: unknown; message?: unknown } };
  const { code = "", message = String(error) } = cause ?? (own as { code?: unknown; message?: unknown });
  const said = [code, message].filter((part) => typeof part === "string" && part !== "").join(": ");
  return { status: 0, said, unsent: UNSENT.test(String(code)) };
}

/** A bucket, by path-style addresses: every S3-compatible store knows them. */
export function httpStore(address: StoreAddress): Store {
  const { endpoint, bucket, ...credentials } = address;
  const client = new AwsClient({ ...credentials, service: "s3", retries: 0 });
  const ask = async (method: string, key: string, body?: string): Promise<Answer> => {
    const path = [bucket, ...key.split("/")].map(encodeURIComponent).join("/");
    const hash = createHash("sha256")
      .update(body ?? "")
      .digest("hex");
    const headers = { "x-amz-content-sha256": hash, ...(method === "PUT" ? { "if-none-match": "*" } : {}) };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const answer = await client.fetch(`${endpoint.replace(/\/$/, "")}/${path}`, {
        method,
        headers,
        body,
        signal,
        // Followed, a redirect would take the signature to another host.
        redirect: "manual",
      });
      const text = await answer.text();
      return { status: answer.status, said: saidIn(text), ...(method === "GET" ? { body: text } : {}) };
    } catch (error) {
      return noAnswer(error);
    }
  };
  return {
    create: (key, body) => ask("PUT", key, body),
    read: (key) => ask("GET", key),
    remove: (key) => ask("DELETE", key),
  };
}
