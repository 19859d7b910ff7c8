// What `npm run s3:lock-check` makes of its arguments and environment, and what it says: pure.
import { parseArgs } from "node:util";
import type { StoreAddress } from "./http-store";
import type { Answer, Verdict } from "./probe";

export const USAGE = `usage: npm run s3:lock-check -- --endpoint URL --bucket NAME [--region NAME] [--prefix PATH/] [--rounds N] [--racers N]

Tells whether an S3 store really locks, as OpenTofu's use_lockfile needs it: writes small objects with If-None-Match,
one after the other and at once, sees that exactly one is accepted, and removes them.

  --endpoint  scheme, host and port, for example https://minio.example:9000
  --bucket    an existing bucket
  --region    default: AWS_REGION, else us-east-1
  --prefix    put before the objects' names, for credentials that may write only there; default: none
  --rounds    races; default: 50
  --racers    writers in each; default: 8

Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. They need PutObject, GetObject and
DeleteObject on PREFIX*. An authority of your own: NODE_EXTRA_CA_CERTS=FILE.

exit status: 0 it locks, 1 it does not lock, 2 wrong usage, 3 cannot tell`;

/** A message for the user instead of a stack trace. */
export class UsageError extends Error {
  public override readonly name = "UsageError";
}

/** What the user asked for. */
export interface Request {
  readonly address: StoreAddress;
  readonly prefix: string;
  readonly rounds: number;
  readonly racers: number;
}

function options(argv: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...argv],
      options: { endpoint: text, bucket: text, region: text, prefix: text, rounds: text, racers: text },
    }).values;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}

function endpointOf(given: string | undefined): string {
  if (given === undefined) throw new UsageError(`--endpoint is missing\n\n${USAGE}`);
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const bare = url !== undefined && url.username === "" && url.password === "" && url.search === "";
  if (bare && /^https?:$/.test(url.protocol) && url.pathname === "/") return url.origin;
  // Not shown: it may have a password in it.
  throw new UsageError("--endpoint: expected scheme, host and port and nothing else, e.g. https://minio.example:9000");
}

function count(name: string, given: string | undefined, fallback: number, least: number): number {
  const value = given === undefined ? fallback : Number(given);
  if (Number.isInteger(value) && value >= least && value <= 1000) return value;
  throw new UsageError(`--${name}: got ${JSON.stringify(given)}, expected a whole number from ${least} to 1000`);
}

function fromEnvironment(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name] ?? "";
  if (value === "") throw new UsageError(`${name} is not set: credentials come from the environment, as OpenTofu's do`);
  return value;
}

/**
 * Reads arguments and environment.
 *
 * @throws UsageError - something is missing or wrong
 */
export function parseRequest(argv: readonly string[], env: NodeJS.ProcessEnv): Request {
  const given = options(argv);
  const endpoint = endpointOf(given.endpoint);
  if (given.bucket === undefined || given.bucket === "") throw new UsageError(`--bucket is missing\n\n${USAGE}`);
  const token = env.AWS_SESSION_TOKEN ?? "";
  return {
    address: {
      endpoint,
      bucket: given.bucket,
      region: given.region ?? (env.AWS_REGION || "us-east-1"),
      accessKeyId: fromEnvironment(env, "AWS_ACCESS_KEY_ID"),
      secretAccessKey: fromEnvironment(env, "AWS_SECRET_ACCESS_KEY"),
      ...(token === "" ? {} : { sessionToken: token }),
    },
    prefix: given.prefix ?? "",
    rounds: count("rounds", given.rounds, 50, 1),
    racers: count("racers", given.racers, 8, 2),
  };
}

const STATUS = { locks: 0, does_not_lock: 1, cannot_tell: 3 } as const;

/** Exit status for a verdict. */
export function exitStatus({ verdict }: Verdict): number {
  return STATUS[verdict];
}

function remedy({ status, said }: Answer): string {
  if (/CERT|certificate/i.test(said)) return "its certificate is not trusted here: NODE_EXTRA_CA_CERTS=FILE";
  if (status === 0) return "see that the store runs and that this machine reaches it (address, DNS, proxy, firewall)";
  if (/SignatureDoesNotMatch/.test(said))
    return "the secret key is wrong, or something in front of the store changes requests (If-None-Match is signed)";
  if (status === 401 || status === 403)
    return "the credentials need PutObject, GetObject and DeleteObject on PREFIX* of this bucket; see --prefix";
  if (status === 404) return "see that the bucket exists and that the endpoint is the store's S3 address";
  if (status >= 300 && status < 400) return "the bucket is elsewhere: correct --endpoint or --region";
  return "the store is in trouble or this is no S3 store: see its log, then try again";
}

const HEADS = { locks: "LOCKS", does_not_lock: "DOES NOT LOCK", cannot_tell: "CANNOT TELL" } as const;

/** What is said of a verdict, line by line. */
export function report(verdict: Verdict, { address }: Request): string[] {
  const lines = [`${HEADS[verdict.verdict]}: bucket ${address.bucket} at ${address.endpoint}: ${verdict.why}`];
  if (verdict.answer !== undefined) {
    const { status, said } = verdict.answer;
    lines.push(`  answer:  ${status === 0 ? "none" : `HTTP ${status}`}${said === "" ? "" : ` (${said})`}`);
    lines.push(`  remedy:  ${remedy(verdict.answer)}`);
  }
  if (verdict.verdict === "does_not_lock") {
    lines.push("  effect:  two applies at once would both write the state, and nobody would be told");
    lines.push(
      "  remedy:  keep no shared state there: take a store that honours If-None-Match, or a newer version of it",
    );
  }
  if (verdict.left.length > 0) lines.push(`  NOTE:    could not be removed: ${verdict.left.join(", ")}`);
  return lines;
}
