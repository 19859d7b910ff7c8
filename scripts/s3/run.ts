// The whole check but for the process around it.
import { randomUUID } from "node:crypto";
import { httpStore } from "./http-store";
import { probe } from "./probe";
import { exitStatus, parseRequest, report, USAGE, UsageError } from "./request";

const USAGE_STATUS = 2;

/** Runs it; returns the exit status. */
export async function run(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  print: { readonly out: (line: string) => void; readonly error: (line: string) => void },
): Promise<number> {
  if (argv.includes("--help") || argv.includes("-h")) {
    print.out(USAGE);
    return 0;
  }
  let request;
  try {
    request = parseRequest(argv, env);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    print.error(error.message);
    return USAGE_STATUS;
  }
  const { address, prefix, rounds, racers } = request;
  const newKey = (): string => `${prefix}nexus-pull-lock-check-${randomUUID()}`;
  const verdict = await probe(httpStore(address), { newKey, rounds, racers, note: print.out });
  for (const line of report(verdict, request)) print.out(line);
  return exitStatus(verdict);
}
