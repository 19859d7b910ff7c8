// Bodies of requests: form-encoded, JSON or multipart.
import type { IncomingMessage } from "node:http";
import busboy from "busboy";
import { PveError } from "../world/errors";
import type { UploadedFile } from "./router";

/** What a request carries. */
export interface Body {
  readonly text: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly file?: UploadedFile;
}

const LIMIT_BYTES = 64 * 1024 ** 2;

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LIMIT_BYTES) throw new PveError(413, "for data too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function fromJson(text: string): Map<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new PveError(500, `malformed JSON string, neither tag, array, object, number, string or atom`);
  }
  const entries = Object.entries((value ?? {}) as Record<string, unknown>);
  return new Map(entries.map(([key, one]) => [key, typeof one === "boolean" ? (one ? "1" : "0") : String(one)]));
}

function fromMultipart(request: IncomingMessage): Promise<Body> {
  return new Promise((resolve, reject) => {
    const fields = new Map<string, string>();
    const files: UploadedFile[] = [];
    const parser = busboy({ headers: request.headers, limits: { fileSize: LIMIT_BYTES } });
    parser.on("field", (name, value) => fields.set(name, value));
    parser.on("file", (_name, stream, { filename }) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => files.push({ name: filename ?? "", bytes: Buffer.concat(chunks) }));
    });
    parser.on("error", reject);
    parser.on("close", () => {
      const file = files[0];
      // The file's own part is what Proxmox takes the parameter from.
      if (file !== undefined) fields.set("filename", file.name);
      resolve({ text: `multipart: ${[...fields].map(([key, value]) => `${key}=${value}`).join("&")}`, fields, file });
    });
    request.on("error", reject);
    request.pipe(parser);
  });
}

/**
 * Reads a request's body.
 *
 * @throws PveError - a type that Proxmox does not read, or broken JSON
 */
export async function readBody(request: IncomingMessage): Promise<Body> {
  const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
  if (type === "multipart/form-data") return fromMultipart(request);
  const text = await readAll(request);
  if (text === "") return { text, fields: new Map() };
  if (type === "application/json") return { text, fields: fromJson(text) };
  if (type !== "application/x-www-form-urlencoded") throw new PveError(506, `unsupported content type '${type}'`);
  return { text, fields: new Map(new URLSearchParams(text)) };
}
