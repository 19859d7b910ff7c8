// The dashboard has words for everything that the contract knows.
import { join } from "node:path";
import { lifecycle } from "@nexus-pull/contract";
import { readExamples } from "@nexus-pull/contract/test-support";
import { buildSync } from "esbuild";

interface Event {
  readonly type: string;
  readonly data: object;
}
type Tell = (stored: { event: Event }) => { title: string; lines: string[] };

/** A function of the dashboard's, whose files are modules for browsers. */
function eventWords(): { tell: Tell } {
  const entryPoints = [join(__dirname, "..", "..", "receiver", "dashboard", "event-words.js")];
  const { outputFiles } = buildSync({ entryPoints, bundle: true, format: "cjs", write: false });
  const module = { exports: {} as { tell: Tell } };
  new Function("module", outputFiles[0]?.text ?? "")(module);
  return module.exports;
}

const { tell } = eventWords();
const examples = readExamples("events").valid.map(({ value }) => value as Event);

test.each(Object.keys(lifecycle.events))("%s has words of its own", (name) => {
  const events = examples.filter(({ type }) => type === lifecycle.type_prefix + name);
  expect(events.length).toBeGreaterThan(0);
  for (const event of events) {
    const { title, lines } = tell({ event });
    expect(title).not.toBe(name);
    expect([title, ...lines].join("\n")).not.toMatch(/undefined|NaN|\[object/);
  }
});

test("an event that the page does not know is shown by its type", () => {
  expect(tell({ event: { type: "io.nexus-pull.vm.invented", data: {} } }).title).toBe("vm.invented");
});
