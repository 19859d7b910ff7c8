// What a measurement gives, and what it comes to against its goal. Pure.

export interface Row {
  readonly name: string;
  readonly wanted: number;
  readonly seen: number;
  /** Which side of `wanted` is good. */
  readonly better: "higher" | "lower";
  /** Of both numbers; "" for a plain ratio. */
  readonly unit: string;
  /** What it was made of, e.g. both rates of a ratio. */
  readonly note?: string;
  /** False: printed, and never a reason to fail; `note` says why it cannot be judged. @default true */
  readonly judged?: boolean;
}

export interface MeasureOptions {
  /** The small sizes of CI. */
  readonly quick: boolean;
  /** A line of progress. */
  readonly say: (line: string) => void;
}

export interface Measurement {
  /** As in `--only NAME`. */
  readonly name: string;
  readonly measure: (options: MeasureOptions) => Promise<readonly Row[]>;
}

export type Verdict = "held" | "MISSED" | "RED" | "not judged";

/** What a measurement gives in full: its goal; in CI the goal is shown, and a floor that a busy machine does not move is judged. */
export const orFloor = (quick: boolean, goal: Row, floor: Row): readonly Row[] =>
  quick ? [{ ...goal, judged: false }, floor] : [goal];

/** A goal missed by more than this is red. */
export const RED_FROM = 1.25;

/** Three digits say all that a measured number knows. */
export const rounded = (value: number): number => Number(value.toPrecision(3));

/** How much of its goal a row reaches: 1 is just held. What is to be low and is nothing, or less, reaches it without end. */
export function ratioOf({ wanted, seen, better }: Row): number {
  const known = rounded(seen);
  if (better === "higher") return known / wanted;
  return known <= 0 ? Infinity : wanted / known;
}

export function verdictOf(row: Row): Verdict {
  const ratio = ratioOf(row);
  if (ratio >= 1) return "held";
  if (row.judged === false) return "not judged";
  return ratio * RED_FROM >= 1 ? "MISSED" : "RED";
}

/** Of each row the better attempt. */
export function best(before: readonly Row[], now: readonly Row[]): readonly Row[] {
  return now.map((row) => {
    const other = before.find(({ name }) => name === row.name);
    return other === undefined || ratioOf(row) >= ratioOf(other) ? row : other;
  });
}
