import { createHash } from "node:crypto";
import { DATA, folded, logOf } from "../test-support";
import { FOLD } from "./state";

/** The order of an object's members is not content: nothing that reads or compares states looks at it. */
function inOrder(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

test("fails when a log comes to another state than before, and the fold's number is the same", () => {
  const types = Object.keys(DATA);
  const pairs = types.flatMap((one) => types.map((other) => [one, other] as const));
  const states = pairs.map(([one, other]) => folded(logOf(["vm.expected"], ["vm.booted"], [one], [other])));
  const digest = createHash("sha256").update(JSON.stringify(states, inOrder)).digest("hex");
  // A new digest wants a new number: then stores fold their logs anew.
  expect([FOLD, digest]).toEqual([2, "aedf5279943dac21e36e978f25a6288c676116bd29918c226fc5efd136c90ee2"]);
});
