// Where the receiver is and who asks: from the environment, else from a file that only its owner can read.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Access, baseOf } from "@nexus-pull/client";
import type { CommandContext } from "../context";
import { CliError } from "../errors";

interface Settings {
  readonly url?: string;
  readonly token?: string;
  /** One, or several while one replaces another. */
  readonly secret?: string | readonly string[];
}

const KEYS = ["url", "token", "secret"];

/** `NEXUS_PULL_CONFIG`, else `nexus-pull/config.json` in the user's configuration folder. */
function settingsFile(env: NodeJS.ProcessEnv): string | undefined {
  if ((env.NEXUS_PULL_CONFIG ?? "") !== "") return env.NEXUS_PULL_CONFIG;
  const base = env.XDG_CONFIG_HOME ?? (env.HOME === undefined ? undefined : join(env.HOME, ".config"));
  return base === undefined ? undefined : join(base, "nexus-pull", "config.json");
}

function fromFile({ env }: CommandContext): Settings {
  const path = settingsFile(env);
  const stat = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false });
  if (path === undefined || stat === undefined) {
    if ((env.NEXUS_PULL_CONFIG ?? "") === "") return {};
    throw new CliError("settings_missing", `${env.NEXUS_PULL_CONFIG}: no such file`, "correct NEXUS_PULL_CONFIG");
  }
  const settings = parse(path, readFileSync(path, "utf8"));
  const secret = settings.secret !== undefined || settings.token !== undefined;
  if (secret && process.platform !== "win32" && (stat.mode & 0o077) !== 0) {
    throw new CliError("settings_readable", `${path} holds a secret and others can read it`, `chmod 600 ${path}`);
  }
  return settings;
}

function parse(path: string, text: string): Settings {
  let settings: unknown;
  try {
    settings = JSON.parse(text);
  } catch {
    // The parser's message would quote the file, in which secrets are.
    throw new CliError("settings_invalid", `${path} is not JSON`, 'write {"url": "https://receiver.example:9191"}');
  }
  const unknown = Object.keys(settings as object).filter((key) => !KEYS.includes(key));
  if (unknown.length === 0) return settings as Settings;
  throw new CliError("settings_invalid", `${path}: unknown ${unknown.join(", ")}`, `known: ${KEYS.join(", ")}`);
}

const words = (text: string | undefined): string[] => (text ?? "").split(/[\s,]+/).filter((one) => one !== "");

/** @throws CliError - no address, or a command that changes something without a secret */
export function accessOf(context: CommandContext, changes = false): Access {
  const { env } = context;
  const file = fromFile(context);
  const url = env.NEXUS_PULL_URL !== undefined && env.NEXUS_PULL_URL !== "" ? env.NEXUS_PULL_URL : file.url;
  if (url === undefined) {
    throw new CliError("url_missing", "no receiver is named", "set NEXUS_PULL_URL=https://receiver.example:9191");
  }
  if (!/^https?:\/\/[^/\s]+/.test(url) || /^https?:\/\/[^/]*@/.test(url)) {
    throw new CliError(
      "url_invalid",
      "the receiver's address is no http or https URL without a user",
      "correct NEXUS_PULL_URL",
    );
  }
  const fromEnv = words(env.NEXUS_PULL_SECRET);
  const secrets = fromEnv.length > 0 ? fromEnv : [file.secret ?? []].flat();
  if (changes && secrets.length === 0) {
    throw new CliError(
      "secret_missing",
      "this command needs the operator secret",
      "set NEXUS_PULL_SECRET (never as an argument)",
    );
  }
  const token = (env.NEXUS_PULL_TOKEN ?? "") === "" ? file.token : env.NEXUS_PULL_TOKEN;
  return { base: baseOf(url), secrets, token };
}
