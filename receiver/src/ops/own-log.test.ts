import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeliveryError } from "../forward/delivery";
import { StoreError } from "../store/port";
import { T0 } from "../test-support";
import { describe as textOf, isJournal, openOwnLog, type OwnLog } from "./own-log";

function said(given: Partial<OwnLog>): string[] {
  const lines: string[] = [];
  const log = { format: "text" as const, journal: false, now: () => T0, write: (text: string) => lines.push(text) };
  const say = openOwnLog({ ...log, ...given });
  say("listening");
  say("Error: x\n    at y", "error");
  return lines;
}

test("says lines to a person, weighed ones to the journal, and objects where JSON is asked for", () => {
  expect(said({})).toEqual(["listening\n", "Error: x\n    at y\n"]);
  expect(said({ journal: true })).toEqual(["<6>listening\n", "<3>Error: x | at y\n"]);
  expect(said({ format: "json", journal: true }).map((line) => JSON.parse(line) as unknown)).toEqual([
    { time: "2026-01-01T00:00:00.000Z", level: "info", message: "listening" },
    { time: "2026-01-01T00:00:00.000Z", level: "error", message: "Error: x\n    at y" },
  ]);
});

test.each<[string, Partial<OwnLog>]>([
  ["a person", {}],
  ["the journal", { journal: true }],
  ["a program", { format: "json" }],
])("fails when what a target answered commands the terminal of %s", (_who, given) => {
  const lines: string[] = [];
  const log = { format: "text" as const, journal: false, now: () => T0, write: (text: string) => lines.push(text) };
  openOwnLog({ ...log, ...given })("chat answered 500: \u001b]0;owned\u0007\u009b2J\u202e\r", "error");
  const [line = ""] = lines;
  expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
  expect(line).toMatch(/answered 500: \\u001b\]0;owned\\u0007\\u009b2J\\u202e(?:\\u000d|\\r)/);
});

test("knows the journal by the file that systemd names, which may be another's", () => {
  const folder = mkdtempSync(join(tmpdir(), "own-log-"));
  const descriptor = openSync(join(folder, "stream"), "w");
  const { dev, ino } = fstatSync(descriptor);
  const found = [`${dev}:${ino}`, `${dev}:${ino + 1}`, undefined].map((stream) =>
    isJournal({ JOURNAL_STREAM: stream }, descriptor),
  );
  closeSync(descriptor);
  rmSync(folder, { recursive: true });
  expect(found).toEqual([true, false, false]);
});

test("tells where a defect comes from, and of what is to be expected only what it is", () => {
  expect(textOf(new DeliveryError("chat is away", false))).toBe("chat is away");
  expect(textOf(new StoreError("store_full", "no space"))).toBe("no space");
  expect(textOf(new TypeError("odd"))).toMatch(/^TypeError: odd\n +at /);
  expect(textOf("text")).toBe("text");
});
