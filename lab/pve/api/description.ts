// Proxmox VE's own description of its API, as tools/pve-description.sh puts it there.
import { readFileSync } from "node:fs";

/** What a parameter or a part of an answer may be. */
export interface Described {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number | string;
  readonly maximum?: number | string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly optional?: number | boolean;
  readonly alias?: string;
  readonly format?: string | Readonly<Record<string, Described>>;
  /** Of an object. */
  readonly properties?: Readonly<Record<string, Described>>;
  readonly additionalProperties?: number | boolean;
  /** Of an array. */
  readonly items?: Described;
}

/** One method on one path. */
export interface DescribedMethod {
  readonly parameters?: { readonly properties?: Readonly<Record<string, Described>> };
  readonly returns?: Described;
}

/** Paths with their methods. */
export type Description = Readonly<Record<string, { readonly methods: Readonly<Record<string, DescribedMethod>> }>>;

/** Reads the file of tools/pve-description.sh. */
export function readDescription(file: string): Description {
  return (JSON.parse(readFileSync(file, "utf8")) as { merged_endpoints: Description }).merged_endpoints;
}

/** Whether something may be left out. */
export function isOptional({ optional }: Described): boolean {
  return optional === 1 || optional === true;
}
