// Writes api/nexus-vm-pull.public.api.md: the public API of dist/lib/index.d.ts as one text, so that a change of it shows in a diff.
//   npm run api                 builds and rewrites the report
//   npm run api -- --check      builds and fails when the report differs; a public member without a docstring fails both
import { join } from "node:path";
import { Extractor, ExtractorConfig, ExtractorLogLevel, type ExtractorMessage } from "@microsoft/api-extractor";

const CONFIG = join(__dirname, "..", "api", "api-extractor.json");

/** What is wrong with the public API, a line each; nothing when it is as reported. */
export function reportApi(options: { readonly check: boolean; readonly config?: string }): string[] {
  const problems: string[] = [];
  Extractor.invoke(ExtractorConfig.loadFileAndPrepare(options.config ?? CONFIG), {
    localBuild: !options.check,
    messageCallback: (message) => {
      // The bindings are generated: their docstrings are the provider's, and what they leave unexported is their business.
      if (message.sourceFilePath?.includes("/.gen/") === true) message.logLevel = ExtractorLogLevel.None;
      if (fails(message, options.check)) problems.push(describe(message));
      message.handled = true;
    },
  });
  return problems;
}

/** Without --check a report that differs is a warning: it has just been rewritten. */
function fails({ logLevel }: ExtractorMessage, check: boolean): boolean {
  return logLevel === ExtractorLogLevel.Error || (check && logLevel === ExtractorLogLevel.Warning);
}

function describe({ sourceFilePath, sourceFileLine, text, messageId }: ExtractorMessage): string {
  const where = sourceFilePath === undefined ? "" : `${sourceFilePath}:${sourceFileLine ?? 1}: `;
  return `${where}${text} (${messageId})`;
}

if (require.main === module) {
  const problems = reportApi({ check: process.argv.includes("--check") });
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log("api/nexus-vm-pull.public.api.md is the public API");
}
