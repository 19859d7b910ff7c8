// An S3 server with conditional writes (versitygw) on loopback, for one suite.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start, signalGroup, until } from "../host/processes";
import { tool } from "../host/tools";

/** A running S3 server. */
export interface S3Server {
  /** http://127.0.0.1:PORT (https with a certificate) */
  readonly endpoint: string;
  /** The one bucket that is there. */
  readonly bucket: string;
  /** Credentials, as the AWS_* variables that OpenTofu reads. */
  readonly env: Readonly<Record<string, string>>;
  /** The bucket's folder: objects are files under their keys. */
  readonly folder: string;
  /** Keys of all objects, sorted. */
  keys(): string[];
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

export interface S3Options {
  /** @default "tofu-state" */
  readonly bucket?: string;
  /** PEM files that make it speak TLS. @default - plain HTTP */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** A user who may do nothing that no policy of the bucket allows. @default - only the one of `env` */
  readonly user?: { readonly access: string; readonly secret: string };
}

/** A port on loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const HOUR_MS = 3_600_000;

// The server ends with whoever started it, even after a SIGKILL: its supervisor waits for the end of standard input.
const SUPERVISED = '"$@" & server=$!; trap "kill $server" TERM; cat >/dev/null; kill $server; wait $server';

async function answers(endpoint: string): Promise<boolean> {
  const { request } = await import(endpoint.startsWith("https:") ? "node:https" : "node:http");
  return new Promise((resolve) => {
    const call = request(endpoint, { rejectUnauthorized: false, timeout: 2_000 }, (response: NodeJS.ReadableStream) => {
      response.resume();
      resolve(true);
    });
    call.on("error", () => resolve(false)).end();
  });
}

/**
 * Starts versitygw on a free loopback port with a folder of its own and one bucket.
 *
 * @throws ToolMissingError - versitygw is not there
 */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  const root = mkdtempSync(join(tmpdir(), "nexus-pull-s3-"));
  const bucket = options.bucket ?? "tofu-state";
  const folder = join(root, "data", bucket);
  for (const path of [folder, ...["meta", "home", "iam"].map((name) => join(root, name))])
    mkdirSync(path, { recursive: true });
  const credentials = { access: "nexus-pull-test", secret: "nexus-pull-test-secret" };
  const port = await freePort();
  const tls = options.tls === undefined ? [] : ["--cert", options.tls.cert, "--key", options.tls.key];
  const users = options.user === undefined ? [] : ["--iam-dir", join(root, "iam")];
  const server = [tool("versitygw"), "--port", `127.0.0.1:${port}`, "--quiet", ...users, ...tls];
  // --sidecar: metadata in files, since a temporary folder's file system may have no extended attributes.
  const backend = ["posix", "--sidecar", join(root, "meta"), join(root, "data")];
  const env = {
    PATH: process.env.PATH,
    HOME: join(root, "home"),
    ROOT_ACCESS_KEY: credentials.access,
    ROOT_SECRET_KEY: credentials.secret,
  };
  const running = start("sh", ["-c", SUPERVISED, "sh", ...server, ...backend], {
    cwd: root,
    env,
    timeoutMs: HOUR_MS,
    keepStdin: true,
  });
  const stop = async (): Promise<void> => {
    signalGroup(running.child, "SIGTERM");
    await running.ended;
    rmSync(root, { recursive: true, force: true });
  };
  const endpoint = `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  try {
    await until(`${endpoint} answers`, async () => {
      if (running.child.exitCode !== null) throw new Error(`versitygw ended:\n${running.output()}`);
      return answers(endpoint);
    });
    if (options.user !== undefined) await addUser(endpoint, env, options.user);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, bucket, folder, env: awsEnvironment(credentials), keys: () => keysIn(folder), stop };
}

/** What a user needs who is not the server's own. */
export function asUser(user: { readonly access: string; readonly secret: string }): Record<string, string> {
  return awsEnvironment(user);
}

async function addUser(endpoint: string, env: NodeJS.ProcessEnv, user: { access: string; secret: string }) {
  const admin = ["admin", "--endpoint-url", endpoint, "--region", "us-east-1"];
  const own = ["--access", env.ROOT_ACCESS_KEY ?? "", "--secret", env.ROOT_SECRET_KEY ?? ""];
  const made = ["create-user", "--access", user.access, "--secret", user.secret, "--role", "user"];
  const run = await start(tool("versitygw"), [...admin, ...own, ...made], { cwd: "/", env }).ended;
  if (run.status !== 0) throw new Error(`versitygw made no user:\n${run.stdout}${run.stderr}`);
}

function awsEnvironment(credentials: { access: string; secret: string }): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: credentials.access,
    AWS_SECRET_ACCESS_KEY: credentials.secret,
    // Otherwise the AWS library may look for more credentials in the network's metadata service.
    AWS_EC2_METADATA_DISABLED: "true",
  };
}

function keysIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter(
      (name) => !name.startsWith(".") && statSync(join(folder, name), { throwIfNoEntry: false })?.isFile() === true,
    )
    .sort();
}
