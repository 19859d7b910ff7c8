// Collects findings: fills in the catalogue's texts, drops repetitions, holds the limits.
import { quote, safePath } from "../text";
import { RULES } from "./rules";
import type { AuditedVm, Finding, Grade, Place, Unread } from "./types";

/** More of one file say nothing new, and a hostile file could make millions. */
const MOST_PER_FILE = 2000;
export interface Note {
  readonly grade?: Grade;
  /** In place of the catalogue's text. */
  readonly why?: string;
  readonly remedy?: string;
}

export class Findings {
  private readonly byKey = new Map<string, Finding>();
  private readonly perFile = new Map<string, number>();
  public readonly vms: AuditedVm[] = [];
  public readonly unread: Unread[] = [];
  public readonly targets = new Set<string>();

  /** Adds one; a second of the same code on the same line is dropped. */
  public add(code: string, place: Place, what: string, note: Note = {}): void {
    const rule = RULES.get(code);
    if (rule === undefined) throw new Error(`no rule ${code}`);
    const key = `${place.file}\0${place.line}\0${code}`;
    const count = this.perFile.get(place.file) ?? 0;
    if (this.byKey.has(key) || count > MOST_PER_FILE) return;
    this.perFile.set(place.file, count + 1);
    if (count === MOST_PER_FILE) return this.tooMany(place);
    const { why = rule.why, remedy = rule.remedy, grade = rule.grade } = note;
    const { file, line, column } = place;
    this.byKey.set(key, { file: safePath(file), line, column, code, grade, what: quote(what), why, remedy });
  }

  private tooMany(place: Place): void {
    this.byKey.set(`${place.file}\0more`, {
      ...{ file: safePath(place.file), line: place.line, column: place.column, code: "too_much", grade: "change" },
      ...{ what: `more than ${MOST_PER_FILE} findings in this file`, why: "the rest is not listed" },
      remedy: "look at it yourself",
    });
  }

  public sorted(): Finding[] {
    const order = (a: Finding, b: Finding): number =>
      compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.code, b.code);
    return [...this.byKey.values()].sort(order);
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
