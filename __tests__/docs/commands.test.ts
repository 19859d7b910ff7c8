// Every nexus-pull command line that the documents show is one that the program takes; pipelines in them are YAML.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import type { Commands } from "../../cli/src/program-context";
import { runProgram } from "../../cli/src/program";

const ROOT = join(__dirname, "..", "..");
const DOCUMENTS = ["cli/README.md", "docs/ci.md", "docs/migration.md"];

interface Block {
  readonly language: string;
  readonly text: string;
}

function blocksOf(document: string): Block[] {
  const text = readFileSync(join(ROOT, document), "utf8");
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(([, language = "", body = ""]) => ({
    language,
    text: body,
  }));
}

/** The arguments of each command line, up to a pipe, redirection or comment. */
function commandLines(text: string): string[][] {
  return [...text.matchAll(/\bnexus-pull (?!agent)([a-z-]+[^\n|>#)]*)/g)].map(([, line = ""]) =>
    [...line.matchAll(/"[^"]*"|\S+/g)].map(([word]) =>
      word.replace(/^"(.*)"$/, "$1").replace(/^\$\(git rev-parse.*/, "0".repeat(40)),
    ),
  );
}

const called = async () => ({ run: async () => 0 });
const COMMANDS: Commands = {
  ...{ audit: called, wait: called, status: called, why: called, events: called, runs: called, operate: called },
};

async function accepts(argv: readonly string[]): Promise<string> {
  let err = "";
  const terminal = {
    out: () => undefined,
    err: (text: string) => void (err += text),
    interactive: false,
    colour: false,
    columns: 80,
  };
  const context = { terminal, env: {}, cwd: ROOT, interrupted: new AbortController().signal, now: () => 0 };
  const status = await runProgram(argv, { context, commands: COMMANDS });
  return status === 0 ? "" : `${argv.join(" ")}: ${err}`;
}

test.each(DOCUMENTS)("every nexus-pull command in %s is one", async (document) => {
  const blocks = blocksOf(document).filter(({ language }) => /^(sh|bash|yaml|console)$/.test(language));
  const lines = blocks.flatMap(({ text }) => commandLines(text)).filter(([name]) => name !== "complete");
  expect(lines.length).toBeGreaterThan(0);
  expect((await Promise.all(lines.map(accepts))).filter((problem) => problem !== "")).toEqual([]);
});

test.each(DOCUMENTS)("YAML in %s parses", (document) => {
  for (const { language, text } of blocksOf(document))
    if (language === "yaml") expect(load(text)).toBeInstanceOf(Object);
});

test("fails when a document shows an option that there is not", async () => {
  expect(await accepts(["wait", "a", "--until", "x"])).toContain("unknown option");
});
