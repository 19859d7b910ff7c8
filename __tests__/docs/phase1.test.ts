// docs/phase1-poc.md shows what a real machine said: __tests__/vm holds each block that is marked so against one. What can be
// told without a machine is held here.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { lifecycle } from "@nexus-pull/contract";
import { fencedBlock, readDocument } from "../support/document";
import { REPOSITORY } from "../../lab/host/tools";

const TEXT = readDocument("docs/phase1-poc.md");

test("every block that a machine said is one that the machine of __tests__/vm/life.ts is asked for", () => {
  const shown = [...TEXT.matchAll(/^<!-- seen: (\S+) -->$/gm)].map(([, name]) => name);
  const asked = [
    ...readFileSync(join(REPOSITORY, "__tests__/vm/life.ts"), "utf8").matchAll(/this\.shown\(\s*"([^"]+)"/g),
  ];
  expect(shown.sort()).toEqual(asked.map(([, name]) => name).sort());
});

test("npm run synth prints what the README shows", () => {
  const shown = (text: string): string => fencedBlock(text, "console", "npm run synth");
  expect(shown(TEXT)).toBe(shown(readDocument("README.md")));
});

test("every event that is named is one of the contract", () => {
  const named = [...TEXT.matchAll(/\b(?:vm|bootstrap|run|drift)\.[a-z]+(?:\.[a-z]+)?\b/g)].map(([name]) => name);
  expect(named.length).toBeGreaterThan(10);
  for (const name of named) expect(Object.keys(lifecycle.events)).toContain(name);
});
