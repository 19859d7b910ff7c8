// What was asked and answered, readable by tests. Secrets are not kept.

/** One request with its answer. */
export interface LoggedRequest {
  readonly method: string;
  /** With the query, as sent. */
  readonly path: string;
  readonly body: string;
  readonly user?: string;
  /** 0: the connection was dropped. */
  readonly status: number;
  readonly reason: string;
  readonly answer: string;
}

/** Keeps the newest requests. */
export class RequestLog {
  private readonly entries: LoggedRequest[] = [];

  public constructor(private readonly limit = 20_000) {}

  public add(entry: LoggedRequest): void {
    this.entries.push(withoutSecrets(entry));
    if (this.entries.length > this.limit) this.entries.shift();
  }

  /** All of them, oldest first. */
  public all(): readonly LoggedRequest[] {
    return this.entries;
  }

  public clear(): void {
    this.entries.length = 0;
  }
}

function withoutSecrets(entry: LoggedRequest): LoggedRequest {
  const body = entry.body.replace(/((?:^|&)(?:cipassword|password)=)[^&]*/g, "$1***");
  const isLogin = entry.path.startsWith("/api2/json/access/ticket");
  return { ...entry, body, answer: isLogin ? "" : entry.answer };
}
