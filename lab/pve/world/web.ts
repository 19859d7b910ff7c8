// How a node reaches the web.
import { createHash } from "node:crypto";
import { died, PveError } from "./errors";

/** Hashes that Proxmox compares a download with. */
export const ALGORITHMS = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

/** What a web server says of an address. */
export interface UrlMetadata {
  readonly filename?: string;
  readonly mimetype?: string;
  readonly size?: number;
}

/** A file as it came: its size, and its content unless it is too long to be kept. */
export interface Downloaded {
  readonly size: number;
  /** The first bytes; all of them where the file is short. */
  readonly head: Buffer;
  /** Hash of the whole, in hex. */
  digest(algorithm: string): string;
}

/** How a node reaches the web. Errors are answered as `text`. */
export interface Web {
  metadata(url: string, verify: boolean): Promise<UrlMetadata>;
  download(url: string, verify: boolean): Promise<Downloaded>;
}

/** Longest part of a file that is kept. */
const KEPT_BYTES = 64 * 1024 ** 2;

/** The web over fetch(). A certificate that is not trusted is refused whatever `verify` says. */
export const realWeb: Web = {
  async metadata(url) {
    const answer = await reach(url, "HEAD");
    const disposition = /filename="?([^";]+)"?/.exec(answer.headers.get("content-disposition") ?? "")?.[1];
    const length = answer.headers.get("content-length");
    return {
      filename: disposition ?? new URL(url).pathname.split("/").at(-1),
      mimetype: answer.headers.get("content-type")?.split(";")[0],
      ...(length === null ? {} : { size: Number(length) }),
    };
  },
  async download(url) {
    const answer = await reach(url, "GET");
    const hashes = new Map(ALGORITHMS.map((name) => [name, createHash(name)]));
    const head: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      for (const hash of hashes.values()) hash.update(chunk);
      if (size < KEPT_BYTES) head.push(Buffer.from(chunk));
      size += chunk.length;
    }
    const digests = new Map([...hashes].map(([name, hash]) => [name, hash.digest("hex")]));
    return { size, head: Buffer.concat(head), digest: (name) => digests.get(name) ?? "" };
  },
};

async function reach(url: string, method: string): Promise<Response> {
  try {
    const answer = await fetch(url, { method });
    if (answer.ok) return answer;
    throw died(`invalid server response: '${answer.status} ${answer.statusText}'`);
  } catch (error) {
    if (error instanceof PveError) throw error;
    throw died(`invalid server response: '500 Can't connect to ${new URL(url).host} (${cause(error)})'`);
  }
}

function cause(error: unknown): string {
  const inner = (error as { cause?: { code?: string } }).cause?.code;
  return inner?.includes("CERT") === true ? "certificate verify failed" : "Connection refused";
}
