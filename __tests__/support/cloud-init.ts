// cloud-init's own opinion of a document, and its own YAML parser's, from a chroot that is never this machine.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tool } from "../../lab/host/tools";

/** What cloud-init says of a document. */
export interface SchemaResult {
  readonly ok: boolean;
  /** Its errors, or what it remarks (a deprecation) of a document that passes; "" for nothing. */
  readonly message: string;
}

/** A document as cloud-init's YAML parser reads it. What JSON cannot hold is `{"!python": repr}`. */
export type ParsedYaml = { readonly value: unknown } | { readonly error: string };

/** What a document is. */
export type DocumentKind = "cloud-config" | "network-config";

const PROGRAM = readFileSync(join(__dirname, "cloud_init_check.py"), "utf8");
const LIMIT_MS = 110_000;
const LARGEST_ANSWER = 256 * 1024 * 1024;

function inRoot(args: readonly string[], input: string): string {
  const root = tool("cloud-init-root");
  const run = spawnSync("chroot", [root, ...args], {
    input,
    encoding: "utf8",
    timeout: LIMIT_MS,
    maxBuffer: LARGEST_ANSWER,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", HOME: "/tmp" },
  });
  if (run.status === 0) return run.stdout;
  throw new Error(`chroot ${root} ${args[0]} ended with ${run.status ?? run.signal} ${run.error ?? ""}\n${run.stderr}`);
}

function ask<R>(job: object): R[] {
  return JSON.parse(inRoot(["python3", "-c", PROGRAM], JSON.stringify(job))) as R[];
}

const read = (file: string): string => readFileSync(file, "utf8");

/** cloud-init's schema check of many texts in one call, in their order. Needs root (chroot). */
export function cloudInitSchemaOf(texts: readonly string[], kind: DocumentKind = "cloud-config"): SchemaResult[] {
  return ask({ do: "schema", kind, documents: texts });
}

/** cloud-init's schema check of many files in one call, in their order. */
export function cloudInitSchema(files: readonly string[], kind: DocumentKind = "cloud-config"): SchemaResult[] {
  return cloudInitSchemaOf(files.map(read), kind);
}

/** Texts as `yaml.safe_load` reads them, which is what cloud-init itself uses. */
export function parseYamlOf(texts: readonly string[]): ParsedYaml[] {
  return ask({ do: "yaml", documents: texts });
}

/** What cloud-init makes of user-data that may be a MIME message: its one cloud-config, in base64. */
export function userDataOf(documents: readonly Buffer[]): string[] {
  return ask({ do: "user-data", documents: documents.map((one) => one.toString("base64")) });
}

/** Files as `yaml.safe_load` reads them. */
export function parseYaml(files: readonly string[]): ParsedYaml[] {
  return parseYamlOf(files.map(read));
}

/**
 * What `systemd-analyze verify` says of unit files, given as name to text; "" when it has nothing to say.
 *
 * @param programs - absolute paths that the units start; an empty program is put there when there is none
 */
export function systemdVerify(units: Readonly<Record<string, string>>, programs: readonly string[] = []): string {
  const [said] = ask<string>({ do: "units", units, programs });
  return said ?? "";
}
