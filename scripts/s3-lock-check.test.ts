// The check against stores of this file's own, over HTTP, each with one thing wrong. A real store: *.conformance.ts.
import type { IncomingMessage, ServerResponse } from "node:http";
import { lockCheck, serve, type Served } from "./s3/test-support";
import { run as runHere } from "./s3/run";

const SECRET = "canary-secret-key";
const ENV = { AWS_ACCESS_KEY_ID: "canary-access-key", AWS_SECRET_ACCESS_KEY: SECRET };

jest.setTimeout(120_000);

type Handler = (request: IncomingMessage, body: Buffer, response: ServerResponse) => void;

/** An in-memory store; what it does with a PUT is the test's. */
class FakeStore {
  public readonly objects = new Map<string, string>();
  public readonly requests: string[] = [];
  public writes = 0;

  public constructor(private readonly put: (store: FakeStore, key: string, body: string) => number | Promise<number>) {}

  public readonly handle: Handler = (request, body, response) => {
    const key = request.url ?? "";
    this.requests.push(`${request.method} ${key} ${String(request.headers["if-none-match"])}`);
    void this.answer(request.method ?? "", key, body.toString()).then(([status, text]) =>
      response.writeHead(status).end(text),
    );
  };

  private async answer(method: string, key: string, body: string): Promise<[number, string]> {
    if (method === "DELETE") return [this.objects.delete(key) ? 204 : 404, ""];
    if (method === "GET") return this.objects.has(key) ? [200, this.objects.get(key) ?? ""] : [404, ""];
    const status = await this.put(this, key, body);
    return [status, status === 412 ? "<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>" : ""];
  }
}

/** As a store should. */
function honest(store: FakeStore, key: string, body: string): number {
  if (store.objects.has(key)) return 412;
  store.objects.set(key, body);
  return 200;
}

/** Looks, and writes a moment later: two that look before the first one writes both win. The first pair decides. */
function racy(racers: number): (store: FakeStore, key: string, body: string) => Promise<number> {
  const waiting: (() => void)[] = [];
  return async (store, key, body) => {
    if (body === "first" || body === "second") return honest(store, key, body);
    const taken = store.objects.has(key);
    // Until everybody has looked: no timer decides who wins.
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length === racers) for (const go of waiting.splice(0)) go();
    });
    store.writes += 1;
    if (taken || store.writes > 2) return 412;
    store.objects.set(key, body);
    return 200;
  };
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** In this process, which saves a second a case. */
async function check(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  const [out, error]: [string[], string[]] = [[], []];
  const status = await runHere(args, env, { out: (line) => out.push(line), error: (line) => error.push(line) });
  return { status, stdout: out.join("\n"), stderr: error.join("\n") };
}

async function against(handler: Handler, more: readonly string[] = [], how: typeof check = check): Promise<Ended> {
  let served: Served | undefined;
  try {
    served = await serve(handler);
    return await how(["--endpoint", served.endpoint, "--bucket", "state", "--rounds", "3", ...more], ENV);
  } finally {
    await served?.stop();
  }
}

const answering = (status: number, text = ""): Handler => {
  return (_request, _body, response) => void response.writeHead(status).end(text);
};
const error = (code: string): string => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`;

describe("s3:lock-check", () => {
  it("says that a store locks, and leaves no object behind", async () => {
    const store = new FakeStore(honest);
    const run = await against(store.handle, ["--prefix", "dev/"]);
    expect(run.stderr).toBe("");
    expect(run.stdout).toMatch(/first accepted, the second refused\n3 races of 8: .*\nLOCKS: bucket state at http/);
    expect(run.status).toBe(0);
    expect([...store.objects.keys()]).toEqual([]);
    const puts = store.requests.filter((line) => line.startsWith("PUT"));
    expect(puts).toHaveLength(2 + 3 * 8);
    for (const put of puts) expect(put).toMatch(/^PUT \/state\/dev\/nexus-pull-lock-check-[0-9a-f-]{36} \*$/);
  });

  it.each<[string, (store: FakeStore, key: string, body: string) => number | Promise<number>, RegExp]>([
    ["ignores If-None-Match", (store, key, body) => (store.objects.set(key, body), 200), /the header is ignored/],
    ["does not know If-None-Match", () => 501, /does not know If-None-Match/],
    ["lets two win a race", racy(8), /2 of 8 PUTs at once were accepted \(race 1 of 3\)/],
    [
      "refuses and writes all the same",
      (store, key, body) => {
        const status = store.objects.has(key) ? 412 : 200;
        store.objects.set(key, body);
        return status;
      },
      /a PUT that was refused has overwritten/,
    ],
  ])("says that a store does not lock that %s, and leaves no object behind", async (_name, put, why) => {
    const store = new FakeStore(put);
    const run = await against(store.handle);
    expect(run.stdout).toMatch(/^DOES NOT LOCK: /m);
    expect(run.stdout).toMatch(why);
    expect(run.stdout).toContain("two applies at once would both write the state");
    expect(run.status).toBe(1);
    expect([...store.objects.keys()]).toEqual([]);
  });

  it.each<[string, Handler, RegExp]>([
    ["403", answering(403, error("AccessDenied")), /HTTP 403 \(AccessDenied: m\)\n {2}remedy: .*need PutObject/],
    ["a wrong signature", answering(403, error("SignatureDoesNotMatch")), /remedy: .*the secret key is wrong/],
    ["a bucket that is not there", answering(404, error("NoSuchBucket")), /remedy: .*see that the bucket exists/],
    ["a redirect", answering(301, error("PermanentRedirect")), /remedy: .*the bucket is elsewhere/],
    ["a store in trouble", answering(503, error("SlowDown")), /remedy: .*in trouble/],
    ["no S3 store at all", answering(400, "hello\u001b[2J"), /answer: {2}HTTP 400 \(hello \[2J\)/],
  ])("cannot tell after %s, and says what to do", async (_name, handler, text) => {
    const run = await against(handler);
    expect(run.stdout).toMatch(/^CANNOT TELL: /m);
    expect(run.stdout).toMatch(text);
    expect(run.status).toBe(3);
  });

  it("cannot tell when an answer is lost in a race, and says which object may be left", async () => {
    const store = new FakeStore(honest);
    const run = await against((request, body, response) => {
      if (request.method === "DELETE") return void response.writeHead(500).end();
      if (body.toString() === "racer 3") return void request.socket.destroy();
      store.handle(request, body, response);
    });
    expect(run.stdout).toMatch(/^CANNOT TELL: .*in a race a PUT was neither accepted nor refused.*\(race 1 of 3\)/m);
    expect(run.stdout).toMatch(/NOTE: {4}could not be removed: nexus-pull-lock-check-\S+, nexus-pull-lock-check-\S+$/);
    expect(run.status).toBe(3);
  });

  it("cannot tell when nobody listens, and names no object", async () => {
    const gone = await serve(answering(200));
    await gone.stop();
    const run = await check(["--endpoint", gone.endpoint, "--bucket", "state"], ENV);
    expect(run.stdout).toMatch(
      /CANNOT TELL: .*\n {2}answer: {2}none \(ECONNREFUSED.*\)\n {2}remedy: {2}see that the store/,
    );
    expect(run.stdout).not.toContain("NOTE");
    expect(run.status).toBe(3);
  });

  it("never shows a credential", async () => {
    const runs = await Promise.all([
      against(answering(403, error("AccessDenied"))),
      against(new FakeStore(honest).handle),
    ]);
    for (const { stdout, stderr } of runs) expect(stdout + stderr).not.toContain("canary");
  });

  it.each<[string, string[], Record<string, string>, RegExp]>([
    ["an endpoint", ["--bucket", "b"], ENV, /--endpoint is missing/],
    ["a bucket", ["--endpoint", "http://127.0.0.1:1"], ENV, /--bucket is missing/],
    ["credentials", ["--endpoint", "http://127.0.0.1:1", "--bucket", "b"], {}, /AWS_ACCESS_KEY_ID is not set/],
    ["known options", ["--key", "x"], ENV, /Unknown option '--key'[^]*usage:/],
    [
      "a bare endpoint",
      ["--endpoint", "http://u:canary-pw@h:1", "--bucket", "b"],
      ENV,
      /expected scheme, host and port/,
    ],
    ["a number", ["--endpoint", "http://h:1", "--bucket", "b", "--racers", "1"], ENV, /--racers: got "1", expected/],
  ])("is used wrongly without %s", async (_name, args, env, text) => {
    const run = await check(args, env);
    expect(run.stderr).toMatch(text);
    expect(run.stderr).not.toContain("canary");
    expect(run.status).toBe(2);
  });

  it("ends as a process with the verdict's status, and prints nothing else", async () => {
    const as = (args: readonly string[]) => lockCheck(args, ENV);
    expect(await against(new FakeStore(honest).handle, [], as)).toMatchObject({ status: 0, stderr: "" });
    expect(await against(new FakeStore(() => 200).handle, [], as)).toMatchObject({ status: 1, stderr: "" });
    expect(await against(answering(403), [], as)).toMatchObject({ status: 3, stderr: "" });
    expect(await as([])).toMatchObject({ status: 2, stdout: "" });
    expect(await as(["--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("usage: ") });
  });
});
