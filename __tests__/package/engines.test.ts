// What the packages promise of Node holds for everything that an install of them brings along.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { dependencies, engines } from "../../package.json";
import { dependencies as receiverDependencies, engines as receiverEngines } from "../../receiver/package.json";

interface Package {
  readonly engines?: { readonly node?: string };
  /** On another kind of machine it is left out, whatever it asks for. */
  readonly optional?: true;
}

const { subset } = jest.requireActual("semver") as { subset(inner: string, outer: string): boolean };
const lock = JSON.parse(readFileSync(join(__dirname, "..", "..", "package-lock.json"), "utf8")) as {
  packages: Record<string, Package>;
};

/** What we promise, but for the odd lines of Node, which end after half a year and which many leave out. */
const PROMISED = `${engines.node} <21 || >=22 <23 || >=24 <25`;

/** Packages of a lock file that do not run on every Node that we promise. */
function tooNew(packages: Record<string, Package>): string[] {
  return Object.entries(packages)
    .filter(([, { optional, engines: asked }]) => optional !== true && !subset(PROMISED, asked?.node ?? "*"))
    .map(([name, { engines: asked }]) => `${name}: ${asked?.node}`);
}

test("our packages promise the same of Node", () => {
  expect(receiverEngines).toEqual(engines);
});

test("no package asks for a newer Node than ours do", () => {
  expect(Object.keys(lock.packages).length).toBeGreaterThan(100);
  expect(tooNew(lock.packages)).toEqual([]);
});

test("one that does would be seen", () => {
  expect(tooNew({ newer: { engines: { node: ">=22" } }, some: { engines: { node: "^20.19.0 || >=22" } } })).toEqual([
    "newer: >=22",
    "some: ^20.19.0 || >=22",
  ]);
});

test("what users install is not fixed by our overrides, so what needs one is bundled", () => {
  // fastify takes a light-my-request that takes a cookie that asks for Node 22: npm warns, yarn 1 refuses.
  expect(Object.keys({ ...dependencies, ...receiverDependencies })).not.toContain("fastify");
});
