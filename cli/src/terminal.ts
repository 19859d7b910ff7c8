// Where a command writes to, and whether somebody watches.

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether standard output is a terminal that somebody looks at. */
  readonly interactive: boolean;
  readonly colour: boolean;
  readonly columns: number;
}

type Stream = Pick<NodeJS.WriteStream, "write"> & { readonly isTTY?: boolean; readonly columns?: number };

/** The process's own streams. NO_COLOR and CI count as the conventions say: set and not empty. */
export function processTerminal(stdout: Stream, stderr: Stream, env: NodeJS.ProcessEnv): Terminal {
  const set = (name: string): boolean => (env[name] ?? "") !== "";
  const interactive = stdout.isTTY === true && !set("CI") && env.TERM !== "dumb";
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${text}\n`),
    interactive,
    colour: set("FORCE_COLOR") || (interactive && !set("NO_COLOR")),
    columns: stdout.columns ?? 100,
  };
}

const CODES = { red: 31, green: 32, yellow: 33, blue: 34, grey: 90, bold: 1 } as const;
export type Colour = keyof typeof CODES;

export function paint(terminal: Terminal, colour: Colour, text: string): string {
  return terminal.colour ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}
