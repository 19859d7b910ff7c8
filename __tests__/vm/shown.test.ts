import { neutral, notSeen } from "./shown";

const SEEN = "first 2026-11-24T11:39:40Z\nsecond 4d9fc0c9a1d3 of vmtest/life\nthird   17 s\n";

test("times, hashes and numbers may be others; lines may be left out", () => {
  expect(notSeen("$ a command\nfirst 2027-01-01T00:00:00Z\n...\nthird 3 s\n", SEEN)).toEqual([]);
  expect(notSeen("third 2 min", SEEN)).toEqual([]);
  expect(notSeen("second b7e23ec0000000 of dev/nexus-01", SEEN)).toEqual([]);
});

test.each([
  ["a line was never said", "first 2027-01-01T00:00:00Z\nanother\n", ["another"]],
  ["a word is another one", "third 3 ms", ["third 3 ms"]],
  ["lines were said in another order", "third 3 s\nfirst 2027-01-01T00:00:00Z", ["first 2027-01-01T00:00:00Z"]],
  ["a line was said once and is shown twice", "third 3 s\nthird 3 s", ["third 3 s"]],
])("fails when %s", (_what, shown, missing) => {
  expect(notSeen(shown, SEEN)).toEqual(missing);
});

test("names and addresses become the document's", () => {
  const said = "vmtest-life http://10.0.2.100:41234/ansible.git life, at 10.0.2.15, to http://10.0.2.100:5/webhook";
  expect(neutral(said)).toBe(
    "dev-nexus-01 http://git.example/ansible.git main, at 192.0.2.10, to http://192.0.2.20:9191/webhook",
  );
});
