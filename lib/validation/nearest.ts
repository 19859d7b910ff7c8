/** The known name that a misspelt one is probably meant to be: at most two edits away. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const distances = known.map((one) => [distance(name.toLowerCase(), one.toLowerCase()), one] as const);
  const [best] = distances.filter(([edits]) => edits <= 2).sort(([a], [b]) => a - b);
  return best?.[1];
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = [...Array(b.length + 1).keys()];
  for (const [i, left] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, right] of [...b].entries()) {
      const substitution = (row[j] ?? 0) + (left === right ? 0 : 1);
      next.push(Math.min(substitution, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
