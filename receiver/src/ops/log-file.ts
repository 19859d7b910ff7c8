// The file that people `tail -f`: one readable line an event.
import { closeSync, openSync, writeSync } from "node:fs";
import type { Phase } from "@nexus-pull/contract";
import { type LogRecord, textOf } from "../domain/log";
import { escaped, printable, type Remark } from "../intake/notes";

export class LogFile {
  private descriptor: number;

  public constructor(public readonly path: string) {
    this.descriptor = openSync(path, "a", 0o640);
  }

  /**
   * Written at once: the file is for people, and its pages are the kernel's to flush. Whatever a text holds, it is one line
   * that no terminal obeys: JSON leaves the control characters beyond ASCII as they are.
   */
  public write(lines: readonly string[]): void {
    if (lines.length > 0) writeSync(this.descriptor, lines.map((line) => `${escaped(line)}\n`).join(""));
  }

  /** After logrotate has moved the file away. */
  public reopen(): void {
    const old = this.descriptor;
    this.descriptor = openSync(this.path, "a", 0o640);
    closeSync(old);
  }

  public close(): void {
    closeSync(this.descriptor);
  }
}

const SHOWN = ["reason", "outcome", "run_id", "step", "status", "exit_code", "message"];

/** Of a group that was committed at once, all were received at the same time: it is spelled once. */
let spelled = { time: NaN, text: "" };

function timeText(time: number): string {
  if (time !== spelled.time) spelled = { time, text: new Date(time).toISOString() };
  return spelled.text;
}

/** e.g. 2026-01-01T00:02:20.000Z #10 dev/nexus-01 run.succeeded -> Configured outcome=unchanged */
export function lineOf({ position, received, fleet, vm, type, data }: LogRecord, phase: Phase | undefined): string {
  let line = `${timeText(received)} #${position} ${fleet}/${vm} ${type} -> ${phase ?? "?"}`;
  for (const name of SHOWN) {
    const value = data[name];
    if (typeof value === "string" || typeof value === "number") line += ` ${name}=${quoted(String(value))}`;
  }
  const commit = textOf(data["intended_sha"]);
  return commit === undefined ? line : `${line} commit=${commit.slice(0, 12)}`;
}

/** The same as one JSON object: what the receiver says of the event, and the event as it came. */
export function jsonLineOf({ position, received, text }: LogRecord, phase: Phase | undefined): string {
  const said = { position, received: timeText(received), phase };
  return `${JSON.stringify(said).slice(0, -1)},"event":${text}}`;
}

/** What is in no store: e.g. 2026-01-01T00:02:20.000Z unverified note from 127.0.0.1: {"test":"data"} */
export function remarkLine(remark: Remark): string {
  const { at, remote } = remark;
  return remark.kind === "note"
    ? `${at} unverified note from ${remote}: ${remark.text}`
    : `${at} refused ${remark.code} from ${remote}: ${remark.detail}`;
}

/** The same as one JSON object. */
export function jsonRemarkLine({ at, kind, ...said }: Remark): string {
  return JSON.stringify({ time: at, kind, ...(kind === "note" ? { unverified: true } : {}), ...said });
}

function quoted(text: string): string {
  return /^[\w.:-]+$/.test(text) ? text : JSON.stringify(printable(text));
}
