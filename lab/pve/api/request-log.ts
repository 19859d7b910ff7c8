// What was asked and answered, readable by tests. Secrets are not kept.

/** One request with its answer. */
export interface LoggedRequest {
  readonly method: string;
  /** With the query, as sent. */
  readonly path: string;
  readonly body: string;
  readonly user?: string;
  /** Method and path of the route that was called, with the names of its variables. */
  readonly route?: string;
  /** 0: the connection was dropped. */
  readonly status: number;
  readonly reason: string;
  readonly answer: string;
}

/** Keeps the newest requests. */
export class RequestLog {
  private readonly entries: LoggedRequest[] = [];
  private readonly watchers: ((entry: LoggedRequest) => void)[] = [];

  public constructor(private readonly limit = 20_000) {}

  public add(entry: LoggedRequest): void {
    const kept = withoutSecrets(entry);
    this.entries.push(kept);
    for (const watcher of this.watchers) watcher(kept);
    if (this.entries.length > this.limit) this.entries.shift();
  }

  /** Tells each request from now on, also those that are too many to be kept. */
  public watch(watcher: (entry: LoggedRequest) => void): void {
    this.watchers.push(watcher);
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
  if (!entry.path.startsWith("/api2/json/access/ticket")) return { ...entry, body };
  return { ...entry, body, answer: entry.answer.replace(/("(?:ticket|CSRFPreventionToken)":")[^"]*/g, "$1***") };
}
