// `nexus-pull wait`: until VMs are Configured, for pipelines and people.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { UnreachableError, type Access } from "@nexus-pull/client";
import type { CommandContext, Run } from "../context";
import { CliError } from "../errors";
import { EXIT } from "../exit-codes";
import { accessOf } from "../receiver/access";
import { allVms, detailOf } from "../receiver/vms";
import { waitForAll, type End, type Result, type Target } from "../receiver/waiting";
import { whyLines } from "../receiver/why";
import { paint } from "../terminal";
import { quote, seconds } from "../text";

export interface WaitOptions {
  readonly words: readonly string[];
  readonly fleet?: string;
  readonly all: boolean;
  /** File with the output of `tofu output -json`, or a synthesized stack; `-` is standard input. */
  readonly stack?: string;
  readonly timeout: string;
  readonly commit?: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

export const run: Run<WaitOptions> = async (options, context) => {
  const timeoutS = seconds(options.timeout);
  if (timeoutS === undefined)
    throw new CliError("timeout_invalid", `--timeout ${options.timeout} is no time`, "30m, 90s, 2h or seconds");
  if (options.commit !== undefined && !/^[0-9a-f]{40}$|^[0-9a-f]{64}$/.test(options.commit)) {
    throw new CliError("commit_invalid", "--commit needs a whole commit id", "git rev-parse HEAD prints it");
  }
  const access = accessOf(context);
  const targets = await targetsOf(options, access, context);
  const note = (target: Target, text: string): void => {
    if (!options.quiet && !options.json) context.terminal.err(`${target.word}: ${quote(text, 300)}`);
  };
  const show = (result: Result): void => (options.json ? undefined : context.terminal.out(resultLine(result, context)));
  const waiting = { access, commit: options.commit, timeoutS, signal: context.interrupted, note };
  const results = await waitForAll(targets, waiting, show);
  if (options.json)
    context.terminal.out(
      JSON.stringify(
        results.map(({ target, ...rest }) => ({ name: target.word, ...rest })),
        null,
        2,
      ),
    );
  else await explainFailures(results, access, context);
  return statusOf(results.map(({ end }) => end));
};

const STATUS: Readonly<Record<End, number>> = {
  configured: EXIT.ok,
  failed: EXIT.failed,
  timeout: EXIT.timeout,
  unknown: EXIT.unknown,
  unreachable: EXIT.receiver,
  refused: EXIT.receiver,
};

/** Of several ends the one that says most: a failure is certain, a silence is not. */
function statusOf(ends: readonly End[]): number {
  const order: readonly End[] = ["failed", "refused", "unreachable", "unknown", "timeout"];
  const worst = order.find((one) => ends.includes(one));
  return worst === undefined ? EXIT.ok : STATUS[worst];
}

function resultLine({ target, end, text, vm }: Result, { terminal }: CommandContext): string {
  const name = vm === undefined ? target.word : `${vm.fleet}/${vm.vm}`;
  const word = paint(terminal, end === "configured" ? "green" : "red", end);
  return `${name}: ${word}${text === "" ? "" : `: ${quote(text, 500)}`}`;
}

async function explainFailures(results: readonly Result[], access: Access, context: CommandContext): Promise<void> {
  for (const { end, vm } of results) {
    if (end === "configured" || vm === undefined) continue;
    try {
      context.terminal.out(["", ...whyLines(await detailOf(access, vm), context.now())].join("\n"));
    } catch (error) {
      // The result has been said; a receiver that went away in the meantime does not change it.
      context.terminal.err(quote((error as Error).message, 300));
    }
  }
}

async function targetsOf(options: WaitOptions, access: Access, context: CommandContext): Promise<Target[]> {
  const { fleet } = options;
  const named = options.words.map((word) => targetOf(word, fleet));
  const stack = options.stack === undefined ? [] : ofStack(options.stack, fleet, context);
  const all = options.all ? await everyVm(access, fleet) : [];
  const targets = [...named, ...stack, ...all];
  if (targets.length > 0) return targets;
  const what = options.all ? "the receiver has no VM to wait for" : "nothing to wait for is named";
  throw new CliError(
    "vm_missing",
    what,
    "name VMs, or --all, or --stack FILE",
    options.all ? EXIT.unknown : EXIT.usage,
  );
}

const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]+)$/i;

function targetOf(word: string, fleet: string | undefined): Target {
  const slash = word.indexOf("/");
  if (slash > 0) return { word: word.slice(slash + 1), fleet: word.slice(0, slash), isName: true };
  // With a fleet the word is a name, unless it can be none.
  return { word, fleet, isName: fleet !== undefined && !ADDRESS.test(word) };
}

async function everyVm(access: Access, fleet: string | undefined): Promise<Target[]> {
  try {
    const { vms } = await allVms(access, { fleet });
    return vms
      .filter(({ phase }) => phase !== "Retired")
      .map((one) => ({ word: one.vm, fleet: one.fleet, isName: true }));
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    throw new CliError("receiver_unreachable", error.message, "check NEXUS_PULL_URL and the network", EXIT.receiver);
  }
}

/** Names, and instance ids where they are there: an older machine of the same name is not what the stack made. */
function ofStack(file: string, fleet: string | undefined, context: CommandContext): Target[] {
  const shown = file === "-" ? "standard input" : file;
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : resolve(context.cwd, file), "utf8");
  } catch (error) {
    throw new CliError(
      "stack_missing",
      `${shown}: ${(error as NodeJS.ErrnoException).code}`,
      "tofu output -json > outputs.json",
    );
  }
  const targets = parseStack(text, fleet);
  if (targets !== undefined && targets.length > 0) return targets;
  throw new CliError(
    "stack_invalid",
    `${shown} names no VM`,
    "give the output of `tofu output -json`, or a stack's cdk.tf.json",
  );
}

type Json = Readonly<Record<string, unknown>>;
const asObject = (value: unknown): Json | undefined =>
  typeof value === "object" && value !== null ? (value as Json) : undefined;

function parseStack(text: string, fleet: string | undefined): Target[] | undefined {
  let stack: Json | undefined;
  try {
    stack = asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
  const outputs = asObject(asObject(stack?.["vms"])?.["value"]);
  if (outputs !== undefined) {
    return Object.entries(outputs).map(([name, facts]) => {
      const { instance_id: id, fleet: own } = asObject(facts) ?? {};
      const inFleet = typeof own === "string" ? own : fleet;
      return { word: name, fleet: inFleet, isName: true, instanceId: typeof id === "string" ? id : undefined };
    });
  }
  const machines = asObject(asObject(stack?.["resource"])?.["proxmox_virtual_environment_vm"]);
  const names = Object.values(machines ?? {}).flatMap((one) => asObject(one)?.["name"] ?? []);
  return names.filter((one): one is string => typeof one === "string").map((word) => ({ word, fleet, isName: true }));
}
