// Why a receiver did not do what it was asked for. The messages are for people: they name the address, and what to do.

/** Nothing answered. */
export class UnreachableError extends Error {
  public constructor(
    public readonly base: string,
    /** Code or text of the failure, for example ECONNREFUSED. */
    public readonly why: string,
  ) {
    super(`${base} does not answer: ${why}`);
    this.name = "UnreachableError";
  }
}

/** Something answered, but not as a receiver does. */
export class NoReceiverError extends Error {
  public constructor(
    public readonly base: string,
    public readonly status: number,
  ) {
    super(`${base} answered ${status}, which no receiver does`);
    this.name = "NoReceiverError";
  }
}

/** What a refusal says (RFC 9457, contract/rejections.json). */
export interface Problem {
  readonly code: string;
  readonly title?: string;
  readonly detail?: string;
  readonly remedy?: string;
  readonly action?: string;
  readonly retry_after_s?: number;
}

/** The receiver refused. */
export class RefusedError extends Error {
  public constructor(
    public readonly base: string,
    public readonly status: number,
    public readonly problem: Problem,
  ) {
    super(`${base} refused it: ${problem.code}: ${problem.detail ?? problem.title}; ${problem.remedy}`);
    this.name = "RefusedError";
  }
}

/** Whether asking again cannot help. Whatever else `fetch` fails with is the network's: it may be better the next time. */
export function isFinal(error: unknown): error is RefusedError | NoReceiverError {
  return error instanceof RefusedError || error instanceof NoReceiverError;
}

/** The error of a failed `fetch`. */
export function unreachable(base: string, error: unknown): UnreachableError {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  return new UnreachableError(base, cause?.code ?? cause?.message ?? message);
}

/** The error of an answer that is none of those that were asked for. */
export function refused(base: string, status: number, text: string): RefusedError | NoReceiverError {
  const problem = parseObject(text);
  if (typeof problem?.["code"] !== "string") return new NoReceiverError(base, status);
  return new RefusedError(base, status, problem as unknown as Problem);
}

/** A JSON object; undefined when the text is none. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
