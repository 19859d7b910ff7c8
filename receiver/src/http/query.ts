import { Refusal } from "../engine/refusal";

export type Query = Readonly<Record<string, unknown>>;

export function refuseParameter(path: string, message: string): never {
  throw new Refusal("parameter_invalid", { errors: [{ path, message }], detail: `${path} ${message}` });
}

/** A parameter that is given once, or not at all. */
export function textParameter(query: Query, name: string, pattern?: RegExp): string | undefined {
  const value = query[name];
  if (value === undefined) return undefined;
  if (typeof value !== "string") return refuseParameter(name, "must be given once");
  return pattern === undefined || pattern.test(value) ? value : refuseParameter(name, `must match ${pattern.source}`);
}

export interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly otherwise: number;
}

export function integerParameter(query: Query, name: string, { least, most, otherwise }: Bounds): number {
  const text = textParameter(query, name);
  if (text === undefined) return otherwise;
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : NaN;
  return value >= least && value <= most ? value : refuseParameter(name, `must be an integer from ${least} to ${most}`);
}
