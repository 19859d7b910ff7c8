// Taking a VM's user-data apart again, the way a VM does it.
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";

/** What a seed script carries. */
export interface SeedScript {
  /** The seed: contract/seed.schema.json. */
  readonly seed: Seed;
  /** The agent's program; nothing when the image has it. */
  readonly agent?: Buffer;
  /** The script around the two. */
  readonly shell: string;
}

export interface Seed {
  readonly config: Record<string, unknown> & { readonly generation: string };
  readonly secrets: Record<string, string>;
  readonly files: { readonly path: string; readonly mode: string; readonly content_b64: string }[];
}

/** A cloud-config as data. */
export interface CloudConfigDocument extends Record<string, unknown> {
  readonly bootcmd: unknown[];
}

const HERE_DOCUMENT = /base64 -d >(agent\.gz|seed\.json) <<'(NEXUS_PULL_[A-Z]+)'\n(.*)\n\2\n/g;

/** Reads the first bootcmd of a cloud-config. */
export function readSeedScript(script: string): SeedScript {
  const parts = new Map([...script.matchAll(HERE_DOCUMENT)].map(([, name, , text]) => [name, text ?? ""]));
  const agent = parts.get("agent.gz");
  return {
    seed: JSON.parse(Buffer.from(parts.get("seed.json") ?? "", "base64").toString("utf8")) as Seed,
    agent: agent === undefined ? undefined : gunzipSync(Buffer.from(agent, "base64")),
    shell: script.replaceAll(HERE_DOCUMENT, (_all, name: string) => `<${name}>\n`),
  };
}

/** JSON as OpenTofu's jsonencode writes it: keys in the order of their bytes, and Go's escapes. */
export function tofuJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(tofuJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `{${members.map(([key, member]) => `${tofuJson(key)}:${tofuJson(member)}`).join(",")}}`;
  }
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
