// Every setting: its flag, its environment variable, its key in the configuration file. One table, so that help,
// reading and checking cannot differ.
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { dirname } from "node:path";

export interface Option {
  /** Key in the file; with dashes for underscores the flag. */
  readonly key: string;
  readonly env?: string;
  readonly help: string;
  readonly fallback?: string;
  /** Undefined when the text is fine. */
  readonly problem: (text: string) => string | undefined;
}

const integer =
  (least: number, most: number) =>
  (text: string): string | undefined =>
    /^[0-9]{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most
      ? undefined
      : `must be an integer from ${least} to ${most}`;
const oneOf =
  (...values: string[]) =>
  (text: string): string | undefined =>
    values.includes(text) ? undefined : `must be one of ${values.join(", ")}`;
function isNetwork(text: string): boolean {
  const [address = "", prefix, ...more] = text.split("/");
  const family = isIP(address);
  const fits = prefix === undefined || (/^[0-9]{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
  return family !== 0 && fits && more.length === 0;
}
const host = (text: string): string | undefined =>
  // What looks like an IPv4 address has to be one.
  isIP(text) !== 0 || /^(?![0-9.]+$)[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text)
    ? undefined
    : "must be an address or a host name";
const names = (text: string): string | undefined => {
  const bad = text.split(",").find((one) => one.trim() !== "" && host(one.trim()) !== undefined);
  return bad === undefined ? undefined : `must be host names, separated by commas; got ${bad}`;
};
const addresses = (text: string): string | undefined => {
  const bad = text.split(",").find((one) => !isNetwork(one.trim()));
  return bad === undefined ? undefined : `must be addresses or networks, separated by commas; got ${bad}`;
};
const database = (text: string): string | undefined => {
  if (!/^postgres(?:ql)?:\/\//.test(text) || !URL.canParse(text)) return "must be a postgres:// address";
  // An address is in process lists and in what --check-config prints.
  const { password, searchParams } = new URL(text);
  const has = password !== "" || searchParams.has("password");
  return has ? "must have no password; give it by PGPASSWORD or PGPASSFILE" : undefined;
};
const address = (text: string): string | undefined =>
  /^https?:\/\/[^\s@?#]+$/.test(text) && URL.canParse(text) ? undefined : "must be an http:// or https:// address";
const path = (text: string): string | undefined => (text.includes("\0") ? "must not have a NUL" : undefined);
/** A file that is read when the program starts, once: it may be a pipe. */
const content = (text: string): string | undefined => {
  try {
    accessSync(text, constants.R_OK);
    const found = statSync(text);
    if (found.isDirectory()) return "is a folder";
    return found.isFile() && found.size === 0 ? "is empty" : undefined;
  } catch (error) {
    return `cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
  }
};
const inFolder = (text: string): string | undefined =>
  path(text) ?? (existsSync(dirname(text)) ? undefined : `its folder ${dirname(text)} is not there`);

export const OPTIONS: readonly Option[] = [
  {
    key: "hosts",
    env: "NEXUS_PULL_HOSTS",
    fallback: "",
    help: "names, separated by commas, by which it is asked for without a token; addresses, localhost and the system's own are known",
    problem: names,
  },
  { key: "host", env: "NEXUS_PULL_HOST", fallback: "0.0.0.0", help: "address to listen on", problem: host },
  {
    key: "port",
    env: "NEXUS_PULL_PORT",
    fallback: "9191",
    help: "port; 0 takes a free one",
    problem: integer(0, 65535),
  },
  {
    key: "url",
    env: "NEXUS_PULL_URL",
    help: "of the receiver that retire, acknowledge, trust and resend ask; without it the one of this host",
    problem: address,
  },
  { key: "data", env: "NEXUS_PULL_DATA", help: "folder of the store and of a secret that was made", problem: path },
  {
    key: "database",
    env: "NEXUS_PULL_DATABASE",
    help: "postgres://USER@HOST/NAME, for several receivers; its password by PGPASSWORD or PGPASSFILE",
    problem: database,
  },
  {
    key: "retention_days",
    env: "NEXUS_PULL_RETENTION_DAYS",
    help: "older events go; what they came to stays. Without it all stay",
    problem: integer(1, 36_500),
  },
  {
    key: "retention_events",
    env: "NEXUS_PULL_RETENTION_EVENTS",
    help: "how many of the newest events stay. Without it all stay",
    problem: integer(1, 999_999_999),
  },
  {
    key: "log_file",
    env: "NEXUS_PULL_LOG_FILE",
    help: "one readable line an event; reopened on SIGHUP",
    problem: inFolder,
  },
  {
    key: "secret_file",
    env: "NEXUS_PULL_SECRET_FILE",
    help: "operator secrets, one a line, several while one is replaced by another",
    problem: content,
  },
  {
    key: "token_file",
    env: "NEXUS_PULL_TOKEN_FILE",
    help: "bearer token for reading from elsewhere",
    problem: content,
  },
  {
    key: "readers",
    env: "NEXUS_PULL_READERS",
    fallback: "private",
    help: "who reads without a token: private (addresses), nobody, everybody",
    problem: oneOf("private", "nobody", "everybody"),
  },
  {
    key: "trusted_proxies",
    env: "NEXUS_PULL_TRUSTED_PROXIES",
    help: "proxies whose X-Forwarded-For counts, separated by commas",
    problem: addresses,
  },
  {
    key: "notes",
    env: "NEXUS_PULL_NOTES",
    fallback: "on",
    help: "take unsigned bodies as notes",
    problem: oneOf("on", "off"),
  },
  {
    key: "rate",
    env: "NEXUS_PULL_RATE",
    fallback: "6000",
    help: "requests a minute of one source address; 0 takes any number",
    problem: integer(0, 1_000_000),
  },
  {
    key: "log_format",
    env: "NEXUS_PULL_LOG_FORMAT",
    fallback: "text",
    help: "of the log file and of standard error: text, one readable line an event, or json, one object a line",
    problem: oneOf("text", "json"),
  },
  {
    key: "forward_private",
    env: "NEXUS_PULL_FORWARD_PRIVATE",
    fallback: "on",
    help: "whether forwarders may send to private addresses",
    problem: oneOf("on", "off"),
  },
  {
    key: "max_waits",
    env: "NEXUS_PULL_MAX_WAITS",
    fallback: "2000",
    help: "waits at once",
    problem: integer(0, 100_000),
  },
  {
    key: "max_streams",
    env: "NEXUS_PULL_MAX_STREAMS",
    fallback: "1000",
    help: "live views at once",
    problem: integer(0, 100_000),
  },
  {
    key: "max_streams_per_address",
    env: "NEXUS_PULL_MAX_STREAMS_PER_ADDRESS",
    fallback: "100",
    help: "live views at once of one address",
    problem: integer(0, 100_000),
  },
];

export const flagOf = ({ key }: Pick<Option, "key">): string => `--${key.replaceAll("_", "-")}`;

export function helpText(): string {
  const rows = OPTIONS.map(
    (option) =>
      `  ${flagOf(option).padEnd(18)} ${option.help}${option.fallback === undefined ? "" : ` [${option.fallback}]`}` +
      `\n${" ".repeat(21)}${option.env}`,
  );
  return `nexus-pull-receiver: a durable record of what every self-configuring VM did

Usage: nexus-pull-receiver [options]                 receives
       nexus-pull-receiver backup FILE [options]     copies the store while it is used
       nexus-pull-receiver restore FILE [options]    puts a backup where no store is yet
       nexus-pull-receiver export [FILE] [options]   writes the store as lines of CloudEvents, else to standard output
       nexus-pull-receiver import [FILE] [options]   reads them into a store that has nothing yet, of either kind
       nexus-pull-receiver verify [options]          says whether the store is whole and its projection what its log says
       nexus-pull-receiver retire FLEET/VM [options]       a VM that no roster names any more is no longer expected
       nexus-pull-receiver acknowledge FLEET/VM [options]  somebody looks after it; shown until its phase changes
       nexus-pull-receiver trust FLEET/VM/STREAM [options] of two that claim to be the VM, this is it
       nexus-pull-receiver resend FORWARDER [options]      what it set aside is sent again

  --config           JSON file with any of the settings below, underscores for dashes
  --check-config     says what would be used, or every problem, and ends
  --help             this

${rows.join("\n")}

A flag wins over the environment, which wins over the file. NEXUS_PULL_SECRET and NEXUS_PULL_TOKEN hold the operator
secret and the token themselves. Without a secret, one is made in the data folder (mode 0600).
Forwarders are a list in the file, under "forwarders": see receiver/README.md.
`;
}
