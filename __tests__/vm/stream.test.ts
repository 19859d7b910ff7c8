import type { Delivery } from "../../lab/services/recorder";
import { problemsOf } from "./stream";

const event = (seq: number, more: Record<string, unknown> = {}): Delivery["event"] => ({
  type: "io.nexus-pull.run.progress",
  id: `s-${seq}`,
  data: { stream: "s", seq, ...more },
});

test("a whole stream is fine, also when one is sent again", () => {
  expect(problemsOf([event(1), event(2), event(1), event(3)])).toEqual([]);
});

test.each([
  ["the first is missing", [event(2)]],
  ["one in the middle is missing", [event(1), event(3)]],
  ["the order is another", [event(1), event(3), event(2)]],
  ["an id comes again with other words", [event(1), event(1, { reason: "other" })]],
  ["there are two streams", [event(1), event(2, { stream: "t" })]],
  ["nothing came", []],
])("fails when %s", (_what, events) => {
  expect(problemsOf(events)).not.toEqual([]);
});
