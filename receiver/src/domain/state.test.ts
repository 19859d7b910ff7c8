import { createHash } from "node:crypto";
import { DATA, folded, logOf } from "../test-support";
import { FOLD } from "./state";

test("fails when a log comes to another state than before, and the fold's number is the same", () => {
  const types = Object.keys(DATA);
  const pairs = types.flatMap((one) => types.map((other) => [one, other] as const));
  const states = pairs.map(([one, other]) => folded(logOf(["vm.expected"], ["vm.booted"], [one], [other])));
  const digest = createHash("sha256").update(JSON.stringify(states)).digest("hex");
  // A new digest wants a new number: then stores fold their logs anew.
  expect([FOLD, digest]).toEqual([1, "c052bb7cfd4ca35532e9fbfde7af538e1c8c3ad08525226c9d23e60cfca94c14"]);
});
