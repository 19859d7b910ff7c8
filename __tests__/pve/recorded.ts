// Recordings of a real Proxmox VE 9.2: a line a request, with the step that they belong to in a line of its own.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Recorded {
  readonly step?: string;
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly status: number;
  readonly reason: string;
  readonly type: string;
  readonly answer: string;
}

/** All lines of a recording, in order. */
export function recordingOf(name: string): Recorded[] {
  return readFileSync(join(__dirname, "recordings", `pve-9.2-${name}.jsonl`), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Recorded);
}
