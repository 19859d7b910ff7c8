// Settings from flags, environment and file. All problems are said at once.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readers } from "../http/access";
import { checkForwarders, type ForwarderSettings } from "../forward/settings";
import { flagOf, OPTIONS } from "./options";

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Of a receiver that runs, for what asks one. @default - this host's */
  readonly url?: string;
  readonly data: string;
  /** Address of a PostgreSQL database; without one the store is a file in `data`. */
  readonly database?: string;
  readonly retentionDays?: number;
  readonly retentionEvents?: number;
  readonly logFile?: string;
  readonly secretFile?: string;
  /** From the environment; a file is read when the program starts. */
  readonly secret?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly readers: Readers;
  readonly hosts: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly takeNotes: boolean;
  readonly maxWaits: number;
  readonly maxStreams: number;
  /** Requests a minute of one source; 0: as many as it likes. */
  readonly rate: number;
  readonly logFormat: "text" | "json";
  readonly forwarders: readonly ForwarderSettings[];
  /** Whether forwarders may send to private addresses. */
  readonly forwardPrivate: boolean;
  readonly maxStreamsOfOne: number;
}

export interface Given {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether it is to receive; else it only looks at a store. @default true */
  readonly receives?: boolean;
}

/** What was asked for, or everything that is wrong with it. */
export type Outcome =
  | { readonly config: Config; readonly checkOnly: boolean }
  | { readonly help: true }
  | { readonly problems: readonly string[] };

interface Flags {
  readonly values: Map<string, string>;
  readonly switches: Set<string>;
}

function readFlags(args: readonly string[], problems: string[]): Flags {
  const known = new Map([...OPTIONS.map((option) => [flagOf(option), option.key] as const), ["--config", "config"]]);
  const flags: Flags = { values: new Map(), switches: new Set() };
  for (let at = 0; at < args.length; at += 1) {
    const [name = "", inline] = (args[at] ?? "").split(/=(.*)/s);
    const key = known.get(name);
    if (name === "--help" || name === "--check-config") flags.switches.add(name);
    else if (key === undefined) problems.push(`${name}: no such option; --help lists them`);
    else {
      const value = inline ?? args[(at += 1)];
      if (value === undefined) problems.push(`${name}: a value must follow`);
      else flags.values.set(key, value);
    }
  }
  return flags;
}

interface ConfigFile {
  readonly values: Map<string, string>;
  readonly forwarders: readonly ForwarderSettings[];
}

function readForwarders(path: string, value: unknown, problems: string[]): readonly ForwarderSettings[] {
  const checked = checkForwarders(value);
  if (!("problems" in checked)) return checked.forwarders;
  for (const problem of checked.problems) problems.push(`${path}: ${problem}`);
  return [];
}

function readConfigFile(path: string | undefined, problems: string[]): ConfigFile {
  const values = new Map<string, string>();
  let forwarders: readonly ForwarderSettings[] = [];
  if (path === undefined) return { values, forwarders };
  try {
    const content = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    for (const [key, value] of Object.entries(content)) {
      if (key === "forwarders") forwarders = readForwarders(path, value, problems);
      else if (!OPTIONS.some((option) => option.key === key)) problems.push(`${path}: ${key}: no such setting`);
      else values.set(key, Array.isArray(value) ? value.join(",") : String(value));
    }
  } catch (error) {
    problems.push(`--config: ${path} cannot be read as JSON: ${(error as Error).message}`);
  }
  return { values, forwarders };
}

/** Where systemd, then the desktop's convention, wants a program's data. */
function defaultData(env: Given["env"]): string {
  const home = env["HOME"] ?? "/root";
  return env["STATE_DIRECTORY"] ?? join(env["XDG_STATE_HOME"] ?? join(home, ".local", "state"), "nexus-pull-receiver");
}

/** What is wrong with an address is told, and its password is not. */
function withoutPassword(text: string): string {
  return text.replace(/^(\w+:\/\/[^:@/]*):[^@]*@/, "$1:***@").replace(/([?&]password=)[^&]*/, "$1***");
}

type Get = (key: string) => string | undefined;

function gather(flags: Flags, file: Map<string, string>, env: Given["env"], problems: string[]): Get {
  const values = new Map<string, string | undefined>();
  for (const option of OPTIONS) {
    const fromEnv = option.env === undefined ? undefined : env[option.env];
    // An empty variable is what a unit file without a value gives.
    const set = flags.values.get(option.key) ?? (fromEnv === "" ? undefined : fromEnv) ?? file.get(option.key);
    const problem = set === undefined ? undefined : option.problem(set);
    if (problem !== undefined)
      problems.push(`${flagOf(option)} (${option.env}): ${problem}; got ${JSON.stringify(withoutPassword(set ?? ""))}`);
    values.set(option.key, set ?? option.fallback);
  }
  return (key) => values.get(key);
}

const numberOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));

function toConfig(get: Get, env: Given["env"], forwarders: readonly ForwarderSettings[]): Config {
  return {
    host: get("host") ?? "",
    port: Number(get("port")),
    url: get("url"),
    data: get("data") ?? defaultData(env),
    database: get("database"),
    retentionDays: numberOf(get("retention_days")),
    retentionEvents: numberOf(get("retention_events")),
    logFile: get("log_file"),
    secretFile: get("secret_file"),
    secret: env["NEXUS_PULL_SECRET"] || undefined,
    token: env["NEXUS_PULL_TOKEN"] || undefined,
    tokenFile: get("token_file"),
    readers: get("readers") as Readers,
    trustedProxies: (get("trusted_proxies") ?? "").split(",").flatMap((one) => one.trim() || []),
    hosts: (get("hosts") ?? "")
      .toLowerCase()
      .split(",")
      .flatMap((one) => one.trim() || []),
    takeNotes: get("notes") === "on",
    maxWaits: Number(get("max_waits")),
    maxStreams: Number(get("max_streams")),
    rate: Number(get("rate")),
    logFormat: get("log_format") as Config["logFormat"],
    forwarders,
    forwardPrivate: get("forward_private") === "on",
    maxStreamsOfOne: Number(get("max_streams_per_address")),
  };
}

export function readConfig({ args, env, receives = true }: Given): Outcome {
  const problems: string[] = [];
  const flags = readFlags(args, problems);
  if (flags.switches.has("--help")) return { help: true };
  const file = readConfigFile(flags.values.get("config") ?? env["NEXUS_PULL_CONFIG"], problems);
  const config = toConfig(gather(flags, file.values, env, problems), env, file.forwarders);
  if (config.secret !== undefined && config.secretFile !== undefined)
    problems.push("--secret-file and NEXUS_PULL_SECRET: give one of them; a file may hold several secrets");
  if (config.token !== undefined && config.tokenFile !== undefined)
    problems.push("--token-file and NEXUS_PULL_TOKEN: give one of them");
  const hasSecret = config.secret !== undefined || config.secretFile !== undefined;
  if (receives && config.database !== undefined && !hasSecret)
    problems.push(
      "--database: receivers that share it need the same operator secret; give --secret-file or NEXUS_PULL_SECRET",
    );
  return problems.length > 0 ? { problems } : { config, checkOnly: flags.switches.has("--check-config") };
}
