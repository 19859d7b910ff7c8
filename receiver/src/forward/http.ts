// One request to a target. What it says of a URL is the origin only: the rest may be a secret (a chat's hook is one).
import { Agent, request } from "undici";
import { checkLiteral, lookupPublic } from "./addresses";
import { DeliveryError } from "./delivery";

export interface HttpOptions {
  readonly timeoutMs: number;
  /** Of the server, beside the system's own. */
  readonly ca?: string;
  /** Whether targets in private networks are allowed. */
  readonly allowPrivate: boolean;
}

export interface Call {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

const ANSWER_BYTES = 1_048_576;
const SHOWN = 200;
/** The request itself is at fault: it would be answered the same again. */
const PERMANENT = [400, 405, 406, 409, 410, 411, 413, 414, 415, 422, 431];

export class HttpClient {
  private readonly agent: Agent;

  public constructor(private readonly options: HttpOptions) {
    const { ca, timeoutMs, allowPrivate } = options;
    this.agent = new Agent({
      connections: 2,
      connect: {
        timeout: timeoutMs,
        ...(ca === undefined ? {} : { ca }),
        ...(allowPrivate ? {} : { lookup: lookupPublic as never }),
      },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
  }

  /** The answer's text, of a 2xx. Redirects are not followed. @throws DeliveryError */
  public async call({ method, url, headers, body, signal }: Call): Promise<string> {
    if (!this.options.allowPrivate) checkLiteral(url);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.options.timeoutMs)]);
    try {
      const answer = await request(url, { dispatcher: this.agent, method, headers, body, signal: limit });
      const text = await readAtMost(answer.body, ANSWER_BYTES);
      if (answer.statusCode >= 200 && answer.statusCode < 300) return text;
      throw refused(url, answer.statusCode, answer.headers["retry-after"], text);
    } catch (error) {
      if (error instanceof DeliveryError) throw error;
      const { cause } = error as { cause?: unknown };
      if (cause instanceof DeliveryError) throw cause;
      throw new DeliveryError(`${url.origin}: ${reasonOf(error)}`, false);
    }
  }

  public async close(): Promise<void> {
    await this.agent.destroy();
  }
}

async function readAtMost(body: AsyncIterable<Buffer>, most: number): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > most) throw new Error(`answered more than ${most} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function refused(url: URL, status: number, retryAfter: string | string[] | undefined, text: string): DeliveryError {
  const asked = Number(retryAfter);
  const shown = text.slice(0, SHOWN).replace(/\s+/g, " ").trim();
  return new DeliveryError(
    `${url.origin} answered ${status}${shown === "" ? "" : `: ${shown}`}`,
    PERMANENT.includes(status),
    Number.isFinite(asked) && asked > 0 ? asked * 1000 : undefined,
  );
}

function reasonOf(error: unknown): string {
  const { name, message, code } = error as { name?: string; message?: string; code?: string };
  if (name === "TimeoutError") return "no answer in time";
  return code === undefined ? String(message) : `${message} (${code})`;
}
