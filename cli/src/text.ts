// Text from elsewhere as it may be shown: a receiver's, a VM's or a file's words must not steer a terminal.

// Control characters, bidirectional controls and zero-width characters.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const LONGEST = 120;

/** One line, bounded, without characters that a terminal obeys. */
export function quote(text: string, longest = LONGEST): string {
  const cut = text.length > longest * 4 ? text.slice(0, longest * 4) : text;
  const line = cut.replace(/\s+/g, " ").replace(UNPRINTABLE, "\ufffd").trim();
  return line.length > longest ? `${line.slice(0, longest - 1)}…` : line;
}

/** The same for a path, which is never cut. */
export function safePath(path: string): string {
  return path.replace(UNPRINTABLE, "\ufffd");
}

/** "3m", "2h 5m", "4d": how long ago. */
export function ago(since: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(since)) / 1000));
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 90) return `${seconds}s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)}h`;
  return `${Math.round(seconds / 86_400)}d`;
}

/** Rows as columns; the last one is cut so that no row is longer than the terminal. */
export function table(rows: readonly (readonly string[])[], columns: number): string[] {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  return rows.map((row) => {
    const line = row
      .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)))
      .join("  ");
    return line.length > columns ? `${line.slice(0, Math.max(20, columns) - 1)}…` : line.trimEnd();
  });
}

/** "90s", "30m", "2h" or a number of seconds. */
export function seconds(text: string): number | undefined {
  const match = /^(\d{1,7})(s|m|h)?$/.exec(text);
  if (match === null) return undefined;
  const unit = { s: 1, m: 60, h: 3600 }[match[2] ?? "s"] ?? 1;
  return Number(match[1]) * unit;
}
