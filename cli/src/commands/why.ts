// `nexus-pull why VM` and `nexus-pull why --code X`.
import type { Run } from "../context";
import { CliError } from "../errors";
import { EXIT } from "../exit-codes";
import { accessOf } from "../receiver/access";
import { detailOf, findOne } from "../receiver/vms";
import { explain, explainedLines, whyLines } from "../receiver/why";

export interface WhyOptions {
  readonly vm?: string;
  readonly code?: string;
  readonly fleet?: string;
  readonly json: boolean;
}

export const run: Run<WhyOptions> = async (options, context) => {
  const { terminal } = context;
  if (options.code !== undefined) {
    const found = explain(options.code);
    if (found === undefined)
      throw new CliError(
        "code_unknown",
        `the contract has no code ${options.code}`,
        "docs/troubleshooting.md lists all",
      );
    terminal.out(options.json ? JSON.stringify(found, null, 2) : explainedLines(found).join("\n"));
    return EXIT.ok;
  }
  if (options.vm === undefined)
    throw new CliError("vm_missing", "no VM is named", "nexus-pull why NAME, or --code CODE");
  const access = accessOf(context);
  const detail = await detailOf(access, await findOne(access, options.vm, options.fleet));
  if (options.json) terminal.out(JSON.stringify({ ...detail, explained: explain(detail.reason) }, null, 2));
  else terminal.out(whyLines(detail, context.now()).join("\n"));
  return EXIT.ok;
};
