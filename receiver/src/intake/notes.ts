// What arrives without a signature, and what was refused: shown, bounded, in memory only. Whoever may not write to the
// store must not be able to fill it.

export interface Note {
  readonly at: string;
  readonly remote: string;
  readonly text: string;
}
export interface Refused {
  readonly at: string;
  readonly remote: string;
  readonly code: string;
  readonly detail: string;
}

/** Either, as the log file has it beside the events. */
export type Remark = ({ readonly kind: "note" } & Note) | ({ readonly kind: "refused" } & Refused);

const KEPT = 100;
const CHARACTERS = 500;

/** The newest of something, newest first. */
export class Ring<T> {
  private items: readonly T[] = [];
  private readonly listeners: (() => void)[] = [];
  /** How many were ever added. */
  public added = 0;

  public add(item: T): void {
    this.items = [item, ...this.items].slice(0, KEPT);
    this.added += 1;
    for (const listener of this.listeners) listener();
  }

  public subscribe(listener: () => void): void {
    this.listeners.push(listener);
  }

  public newest(count: number): readonly T[] {
    return this.items.slice(0, count);
  }
}

/** What a terminal would obey, or what would turn a line around or end it. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Printable, on one line, not long. */
export function printable(text: string, characters = CHARACTERS): string {
  return text.slice(0, characters).replace(UNPRINTABLE, " ");
}

/** The same without a loss, as JSON writes characters: inside of a JSON text it stays the same JSON. */
export function escaped(text: string): string {
  return text.replace(UNPRINTABLE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
