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

/** Of what nobody signed, so many characters a minute are written down; of the rest, how much it was. */
const BUDGET = 65_536;
const MINUTE_MS = 60_000;

/** Whoever may not write to the store must not be able to fill the disk with refusals either. */
export function budgeted(log: (remark: Remark) => void, now: () => number): (remark: Remark) => void {
  let [begun, left, dropped] = [now(), BUDGET, 0];
  return (remark) => {
    const passed = now() - begun;
    if (passed < 0 || passed >= MINUTE_MS) {
      const words = `${dropped} more lines of what nobody signed were left out`;
      if (dropped > 0) log({ kind: "note", at: new Date(now()).toISOString(), remote: "several", text: words });
      [begun, left, dropped] = [now(), BUDGET, 0];
    }
    const size = "text" in remark ? remark.text.length : remark.detail.length;
    left -= size + LINE_CHARACTERS;
    if (left < 0) dropped += 1;
    else log(remark);
  };
}

/** About what a line has beside its text. */
const LINE_CHARACTERS = 100;
