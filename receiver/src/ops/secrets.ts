import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "./config";

export interface Secrets {
  readonly secrets: readonly string[];
  readonly token?: string;
  /** Made just now, where no store can know it. */
  readonly isNew?: true;
  /** What a person should know of where they are. */
  readonly said: readonly string[];
}

function linesOf(path: string): string[] {
  // Nothing is trimmed but the line's end: a secret may begin or end with a space.
  return readFileSync(path, "utf8")
    .split(/\r?\n/)
    .filter((line) => line !== "");
}

function secretsIn(path: string): string[] {
  const secrets = linesOf(path);
  if (secrets.length === 0) throw new Error(`${path} has no secret; write one a line`);
  return secrets;
}

const HOW = (path: string): string[] => [
  `operator secret: ${path} (mode 0600); read it with: cat ${path}`,
  `hand it to a stack as its variable webhook_secret, e.g. TF_VAR_webhook_secret="$(cat ${path})" tofu apply`,
];

function make(path: string): Secrets {
  const isNew = !existsSync(path);
  // wx: of two that start at once only one makes it.
  if (isNew) writeFileSync(path, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
  return {
    secrets: secretsIn(path),
    ...(isNew ? { isNew } : {}),
    said: [`${isNew ? "made" : "using"} the ${HOW(path)[0]}`, HOW(path)[1] ?? ""],
  };
}

/** The secrets that were given or made before; none is made. */
export function knownSecrets({ secret, secretFile, data }: Config): readonly string[] {
  if (secret !== undefined) return [secret];
  const path = secretFile ?? join(data, "secret");
  if (!existsSync(path))
    throw new Error(`there is no operator secret at ${path}; give --secret-file, NEXUS_PULL_SECRET, or --data`);
  return secretsIn(path);
}

export function readSecrets(config: Config): Secrets {
  const token = config.tokenFile === undefined ? config.token : linesOf(config.tokenFile)[0];
  const found =
    config.secret !== undefined
      ? { secrets: [config.secret], said: ["operator secret: from NEXUS_PULL_SECRET"] }
      : config.secretFile !== undefined
        ? { secrets: secretsIn(config.secretFile), said: [`operator secrets: from ${config.secretFile}`] }
        : make(join(config.data, "secret"));
  return { ...found, ...(token === undefined ? {} : { token }) };
}
