import { Token } from "cdktf";
import type { Finding } from "../../errors";
import { show } from "../../errors";
import type { Rule } from "../rule";

/** What the rules look at: the props of any S3 backend, defaults filled in. */
export interface S3Settings {
  readonly bucket: string;
  readonly key: string;
  readonly region: string;
  readonly endpoint?: string;
  readonly caBundle?: string;
  readonly insecure?: boolean;
}

// Spelled as cdktf, OpenTofu and the AWS tools spell them: the type has none, but JavaScript and `as` pass anything.
const CREDENTIAL_PROPS = ["accessKey", "secretKey", "token", "access_key", "secret_key", "sessionToken", "profile"];

/** Credentials would be written into the JSON and into every plan file. */
export const noCredentials: Rule<object> = function* (props) {
  for (const prop of CREDENTIAL_PROPS) {
    if (prop in props) yield { code: "backend_credentials", prop, got: "a value" };
  }
};

/** S3's own rule for bucket names; MinIO applies the same one. */
export const bucketName: Rule<S3Settings> = function* ({ bucket }) {
  if (isLater(bucket) || /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(text(bucket))) return;
  yield {
    code: "backend_invalid",
    prop: "bucket",
    got: show(bucket),
    expected: "a bucket name: lower-case letters, digits, '.' and '-', 3 to 63 characters",
    remedy: "correct the bucket",
  };
};

/** OpenTofu refuses a key with a slash at either end; the lock is written to `<key>.tflock`. */
export const objectKey: Rule<S3Settings> = function* ({ key }) {
  if (isLater(key)) return;
  const path = text(key);
  if (path !== "" && !/^\/|\/$|\/\//.test(path) && !path.endsWith(".tflock") && path.length <= 1000) return;
  yield {
    code: "backend_invalid",
    prop: "key",
    got: show(key),
    expected: "an object key without a '/' at either end, not ending in .tflock",
    remedy: 'correct the key, for example "prod/terraform.tfstate"',
  };
};

/** Any text: S3-compatible servers have regions of their own. */
export const regionName: Rule<S3Settings> = function* ({ region }) {
  if (isLater(region) || (typeof region === "string" && /^[A-Za-z0-9_-]+$/.test(region))) return;
  yield {
    code: "backend_invalid",
    prop: "region",
    got: show(region),
    expected: "a region name",
    remedy: 'set the region; servers that have none take "us-east-1"',
  };
};

/** A base address: scheme, host, port, and nothing else. */
export const endpointAddress: Rule<S3Settings> = function* ({ endpoint }) {
  if (endpoint === undefined || isLater(endpoint)) return;
  const url = parse(endpoint);
  const problem = url === undefined ? show(endpoint) : endpointProblem(url);
  if (problem === undefined) return;
  yield {
    code: "backend_invalid",
    prop: "endpoint",
    got: problem,
    expected: "an http(s) address with nothing after host and port",
    remedy: 'correct the endpoint, for example "https://minio.example:9000"',
  };
};

/** A path to a file, not the certificate itself, and not beside a switch that ignores it. */
export const caBundlePath: Rule<S3Settings> = function* ({ caBundle, insecure }) {
  if (caBundle === undefined || isLater(caBundle)) return;
  if (typeof caBundle !== "string" || caBundle.trim() === "" || caBundle.includes("\n")) {
    yield {
      code: "certificate_invalid",
      prop: "caBundle",
      got: typeof caBundle === "string" && caBundle.includes("BEGIN") ? "a certificate" : show(caBundle),
      expected: "the path of a PEM file on the machine that runs OpenTofu",
      remedy: "write the certificate to a file and give its path",
    };
  } else if (insecure === true) {
    yield {
      code: "backend_invalid",
      prop: "insecure",
      got: "true beside caBundle",
      expected: "one of the two",
      remedy: "remove `insecure`: with it the certificate is not checked and `caBundle` has no effect",
    };
  }
};

/** A warning: state holds secrets, and the requests carry a signature but no secrecy. */
export function untrustedTransport({ endpoint, insecure }: S3Settings): Finding[] {
  if (insecure === true) return [{ code: "backend_untrusted", prop: "insecure", got: "true" }];
  const url = endpoint === undefined || isLater(endpoint) ? undefined : parse(endpoint);
  if (url?.protocol !== "http:" || isLoopback(url.hostname)) return [];
  return [{ code: "backend_untrusted", prop: "endpoint", got: show(endpoint) }];
}

/** Every rule of an S3 backend. */
export const S3_RULES: readonly Rule<S3Settings>[] = [
  noCredentials,
  bucketName,
  objectKey,
  regionName,
  endpointAddress,
  caBundlePath,
];

/** A token that OpenTofu evaluates; nothing is known of it yet. */
function isLater(value: unknown): boolean {
  return Token.isUnresolved(value);
}

/** What is no text counts as none. */
function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function parse(endpoint: unknown): URL | undefined {
  try {
    return new URL(text(endpoint));
  } catch {
    return undefined;
  }
}

function endpointProblem(url: URL): string | undefined {
  // First, so that a password is never part of a message.
  if (url.username !== "" || url.password !== "") return "an address with credentials in it";
  const bare = (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "";
  return bare && url.pathname === "/" && url.search === "" && url.hash === "" ? undefined : show(url.href);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
