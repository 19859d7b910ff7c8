import { compact } from "../domain/state";
import { Refusal } from "../engine/refusal";
import { StoreError } from "../store/port";

/** Any error as what rejections.json knows. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof StoreError) return new Refusal(error.code);
  const status = (error as { statusCode?: unknown }).statusCode;
  if (status === 413) return new Refusal("body_too_large");
  if (status === 415) return new Refusal("media_type");
  if (typeof status === "number" && status >= 400 && status < 500)
    return new Refusal("body_malformed", { detail: String((error as Error).message).slice(0, 200) });
  return new Refusal("internal");
}

/** RFC 9457. */
export function problemOf(refusal: Refusal): Record<string, unknown> {
  const { code, status, action, remedy, retry_after_s, meaning } = refusal.rejection;
  const { detail, index, errors, candidates } = refusal.details;
  const body = {
    type: `urn:nexus-pull:rejection:${code}`,
    title: meaning,
    status,
    detail,
    code,
    action,
    retry_after_s,
    remedy,
    index,
    errors,
    candidates,
  };
  return compact(body);
}

/** What is sent for a refusal, by whatever sends it. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `closes`: nothing more is read of its connection. */
export function answerOf(refusal: Refusal, closes: boolean): Answer {
  const { status, retry_after_s } = refusal.rejection;
  const { allow } = refusal.details;
  const headers = {
    "content-type": "application/problem+json",
    ...(retry_after_s === undefined ? {} : { "retry-after": String(retry_after_s) }),
    ...(allow === undefined ? {} : { allow }),
    ...(closes ? { connection: "close" } : {}),
  };
  return { status, headers, body: JSON.stringify(problemOf(refusal)) };
}
