// Single requests: an operator's, with MACs, and a reader's, with a token where the receiver wants one.
import { type OperatorRequest, requestMac } from "@nexus-pull/contract";
import { refused, parseObject, NoReceiverError, unreachable } from "./problems";

/** Who speaks to which receiver. */
export interface Access {
  /** The receiver's base address: see `baseOf`. */
  readonly base: string;
  /**
   * Operator secrets. All of them sign, since while a secret is replaced the receiver may know either.
   * @default - none: the receiver's answer to a request that needs one is a refusal
   */
  readonly secrets?: readonly string[];
  /**
   * Token for reading.
   * @default - none: enough on private addresses, unless the receiver is set otherwise
   */
  readonly token?: string;
  /**
   * Milliseconds that one answer may take.
   * @default 30000
   */
  readonly timeoutMs?: number;
}

/** A receiver looks at so many MACs (contract/openapi.json). */
const MACS = 8;
const TIMEOUT_MS = 30_000;

/** The headers of an operator's request. */
export function operatorHeaders(secrets: readonly string[], request: OperatorRequest): Record<string, string> {
  const macs = secrets.slice(0, MACS).map((secret) => requestMac(secret, request));
  return { "nexus-pull-id": request.id, "nexus-pull-mac": macs.join(" ") };
}

/** The headers of a reader. */
export function readerHeaders(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** A request that is sent once. */
export interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/**
 * Sends one request. A redirect is an error: what was signed goes where it was meant to.
 *
 * @throws UnreachableError - no answer, or none in time
 */
export async function send(base: string, path: string, sent: Sent = {}): Promise<Response> {
  const { method = "GET", headers = {}, body, signal, timeoutMs = TIMEOUT_MS } = sent;
  const limit = AbortSignal.timeout(timeoutMs);
  const either = signal === undefined ? limit : AbortSignal.any([limit, signal]);
  try {
    return await fetch(base + path, { method, headers, body, signal: either, redirect: "error" });
  } catch (error) {
    throw unreachable(base, error);
  }
}

/** An answer's JSON object. @throws RefusedError | NoReceiverError */
async function objectOf(base: string, response: Response): Promise<Readonly<Record<string, unknown>>> {
  const text = await response.text();
  const answer = parseObject(text);
  if (!response.ok) throw refused(base, response.status, text);
  if (answer === undefined) throw new NoReceiverError(base, response.status);
  return answer;
}

/**
 * Posts an operator's request; resolves with its answer.
 *
 * @param path path of the request: see `vmPath`
 * @throws UnreachableError, RefusedError, NoReceiverError
 */
export async function operate(
  { base, secrets = [], timeoutMs }: Access,
  path: string,
  request: OperatorRequest,
): Promise<Readonly<Record<string, unknown>>> {
  const headers = operatorHeaders(secrets, request);
  return objectOf(base, await send(base, path, { method: "POST", headers, timeoutMs }));
}

/**
 * Reads a JSON object, for example `/status`.
 *
 * @param query parameters; those that are undefined are left out
 * @throws UnreachableError, RefusedError, NoReceiverError
 */
export async function read<T extends object>(
  { base, token, timeoutMs }: Access,
  path: string,
  query: Readonly<Record<string, string | number | undefined>> = {},
): Promise<T> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString();
  const headers = readerHeaders(token);
  const response = await send(base, text === "" ? path : `${path}?${text}`, { headers, timeoutMs });
  return (await objectOf(base, response)) as T;
}
