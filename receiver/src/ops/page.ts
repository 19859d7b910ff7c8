// The dashboard's files, read once. Nothing else of the disk is served, whatever a path says.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, resolve } from "node:path";

export interface Asset {
  /** Its address. */
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Beside src/ in the repository, beside the program where it is packed. */
const FOLDERS = [resolve(__dirname, "..", "..", "dashboard"), resolve(__dirname, "dashboard")];

export function readPage(): readonly Asset[] {
  const folder = FOLDERS.find((one) => existsSync(join(one, "index.html")));
  if (folder === undefined) throw new Error(`the dashboard's files are not there: looked in ${FOLDERS.join(" and ")}`);
  return readdirSync(folder)
    .filter((name) => TYPES[extname(name)] !== undefined)
    .sort()
    .map((name) => {
      const body = readFileSync(join(folder, name));
      const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
      const path = name === "index.html" ? "/" : `/dashboard/${name}`;
      return { path, type: TYPES[extname(name)] ?? "", body, etag };
    });
}
