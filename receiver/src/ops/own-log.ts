// What the receiver says of itself, on standard error: a line for a person, with its weight for journald, or as JSON.
import { fstatSync } from "node:fs";
import { DeliveryError } from "../forward/delivery";
import { escaped } from "../intake/notes";
import { StoreError } from "../store/port";

export type Level = "info" | "error";
export type Say = (line: string, level?: Level) => void;

export interface OwnLog {
  readonly format: "text" | "json";
  /** Whether standard error is the journal's, which reads a line's weight at its beginning. */
  readonly journal: boolean;
  readonly write: (text: string) => void;
  readonly now: () => number;
}

/** As sd-daemon(3) has them. */
const WEIGHT: Readonly<Record<Level, number>> = { info: 6, error: 3 };

/** What is told may be a stranger's, such as a target's answer: no terminal obeys it. */
export function openOwnLog({ format, journal, write, now }: OwnLog): Say {
  return (line, level = "info") => {
    if (format === "json")
      return write(`${escaped(JSON.stringify({ time: new Date(now()).toISOString(), level, message: line }))}\n`);
    // Each line would be an entry of its own, and one without a weight.
    if (journal) return write(`<${WEIGHT[level]}>${escaped(line.replace(/\s*\n\s*/g, " | "))}\n`);
    write(`${line.split("\n").map(escaped).join("\n")}\n`);
  };
}

/** Whether a file descriptor is the journal's: systemd names the device and the inode in JOURNAL_STREAM. */
export function isJournal(env: Readonly<Record<string, string | undefined>>, descriptor: number): boolean {
  const { dev, ino } = fstatSync(descriptor);
  return env["JOURNAL_STREAM"] === `${dev}:${ino}`;
}

/** Where an error comes from is told of defects only, not of a full disk or a target that is away. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const expected = error instanceof DeliveryError || error instanceof StoreError;
  return expected ? error.message : (error.stack ?? error.message);
}
