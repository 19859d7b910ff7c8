// What `npm run tofu` makes of its arguments: pure, so that every decision can be tested without a process.

/** The oldest OpenTofu with S3 locking of its own. */
export const OLDEST_TOFU = "1.10.0";

/** What the user asked for. */
export interface Request {
  readonly environment: string;
  /** For tofu, as they came. */
  readonly args: readonly string[];
}

/** A message for the user instead of a stack trace. */
export class UsageError extends Error {
  public override readonly name = "UsageError";
}

/** How often an apply is run again at most. */
export const RERUNS = 3;
/** Seconds before that. */
export const RETRY_SECONDS = 10;

export const USAGE = `usage: npm run tofu -- <environment> <tofu arguments>
for example: npm run tofu -- dev plan

Runs OpenTofu in the folder of the environment's stack (cdktf.out/stacks/<environment>), with
  -var-file=environments/<environment>.tfvars     when that file is there and the command takes it
  environments/<environment>.lock.hcl             as the provider lock file: commit it
Other paths in the arguments are relative to the stack's folder.
An apply that ends because a template was locked when it was to be cloned is run again, up to ${RERUNS} times, after
NEXUS_PULL_RETRY_SECONDS (${RETRY_SECONDS}): the provider dispatches a clone once.
OpenTofu is NEXUS_PULL_TOFU, else tofu on PATH; it must be ${OLDEST_TOFU} or newer.`;

/**
 * Reads the wrapper's own arguments.
 *
 * @throws UsageError - no environment, no command, or an option that the wrapper sets itself
 */
export function parseRequest(argv: readonly string[]): Request {
  const [environment, ...args] = argv;
  if (environment === undefined || args.length === 0) throw new UsageError(USAGE);
  // It becomes a part of paths.
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(environment)) {
    throw new UsageError(`${JSON.stringify(environment)} is not the name of an environment\n\n${USAGE}`);
  }
  if (args.some((arg) => /^--?chdir(=|$)/.test(arg))) {
    throw new UsageError("-chdir: this command chooses the folder itself; run tofu on its own for another one");
  }
  return { environment, args };
}

const COMMANDS_OF = new Set(["state", "providers", "workspace"]);

// Since 1.8 OpenTofu evaluates variables early (for encryption, for example), so nearly every command takes them,
// `apply` of a saved plan too. Tried with 1.12.6: these do, fmt, version, login and others do not.
const TAKES_VARIABLES =
  /^(init|validate|plan|apply|destroy|refresh|import|console|output|show|graph|get|taint|untaint|force-unlock|test|providers( lock| schema)?|state (list|mv|pull|push|replace-provider|rm|show))$/;

/** The command in tofu's arguments ("plan", "state list") and the index after it. */
export function commandOf(args: readonly string[]): { readonly command: string; readonly end: number } {
  const first = args.findIndex((arg) => !arg.startsWith("-"));
  if (first < 0) return { command: "", end: 0 };
  const [command = "", second] = args.slice(first);
  const two = COMMANDS_OF.has(command) && second !== undefined && !second.startsWith("-");
  return two ? { command: `${command} ${second}`, end: first + 2 } : { command, end: first + 1 };
}

/** The arguments with the environment's variables, where the command takes them. */
export function withVariables(args: readonly string[], variableFile: string): string[] {
  const { command, end } = commandOf(args);
  if (!TAKES_VARIABLES.test(command) || args.some((arg) => /^--?help$|^-h$/.test(arg))) return [...args];
  // First, so that the user's own -var and -var-file win.
  return [...args.slice(0, end), `-var-file=${variableFile}`, ...args.slice(end)];
}

/** Whether the command writes the provider lock file. */
export function writesLockFile(args: readonly string[]): boolean {
  return ["init", "providers lock"].includes(commandOf(args).command);
}

// What Proxmox says when it has not begun to clone, so that a second request makes no second VM.
const NOT_BEGUN =
  /error cloning VM: received an HTTP 500 response - Reason: (VM is locked|can't lock file|got no worker upid)/;

/** Whether a command's errors are to be read: those of an apply that plans for itself. */
export function mayRunAgain(args: readonly string[]): boolean {
  const { command, end } = commandOf(args);
  return command === "apply" && args.slice(end).every((arg) => arg.startsWith("-"));
}

/** Whether it ended because a clone was not even begun. OpenTofu folds its text and draws a line beside it. */
export function cloneNotBegun(errors: string): boolean {
  // eslint-disable-next-line no-control-regex
  return NOT_BEGUN.test(errors.replace(/\x1b\[[0-9;]*m/g, "").replace(/[\s│╷╵]+/g, " "));
}

/** Seconds before an apply is run again; the default when the variable is no number. */
export function retrySeconds(given: string | undefined): number {
  const seconds = Number(given ?? RETRY_SECONDS);
  return given === "" || !Number.isFinite(seconds) || seconds < 0 ? RETRY_SECONDS : seconds;
}

/** Why the answer of `tofu version` is not good enough; nothing when it is. */
export function versionProblem(program: string, answer: string): string | undefined {
  const found = /^OpenTofu v(\d+)\.(\d+)\.(\d+)/m.exec(answer);
  if (found === null) {
    const name = answer.split("\n", 1)[0]?.trim() ?? "";
    return `${program} is not OpenTofu${name === "" ? "" : `: it calls itself ${JSON.stringify(name)}`}`;
  }
  const [major = 0, minor = 0] = found.slice(1).map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_TOFU.split(".").map(Number);
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined;
  return `${program} is OpenTofu ${found.slice(1).join(".")}, needed: ${OLDEST_TOFU} or newer (S3 locking)`;
}

/** Interrupts that come closer together than this are one: a terminal and npm both deliver a single Ctrl-C. */
const SAME_INTERRUPT_MS = 500;

/**
 * Which signals reach tofu. A second interrupt makes tofu quit without releasing its state lock, so one Ctrl-C must
 * arrive once; a later one is meant and passes.
 */
export function interruptFilter(now: () => number): (signal: NodeJS.Signals) => NodeJS.Signals | undefined {
  let last = -Infinity;
  return (signal) => {
    const repeated = now() - last < SAME_INTERRUPT_MS;
    last = now();
    if (repeated) return undefined;
    // tofu ends at once on SIGHUP (a closed terminal) and leaves the lock; SIGTERM lets it finish.
    return signal === "SIGHUP" ? "SIGTERM" : signal;
  };
}
