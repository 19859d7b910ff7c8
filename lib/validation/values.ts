import { Token } from "cdktf";
import { show, type ErrorCode, type Finding } from "../errors";

/** A name as Proxmox has it for nodes, storages, bridges, machine and CPU types. */
export const IDENTIFIER = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Whether a value is known at synthesis; what is not is checked by OpenTofu or Proxmox, never here. */
export function known<T>(value: T | undefined): value is T {
  return value !== undefined && value !== null && !Token.isUnresolved(value);
}

/** A finding unless the value is a string that matches. Unknown values pass. */
export function matches(
  prop: string,
  value: string | undefined,
  pattern: RegExp,
  code: ErrorCode,
  expected?: string,
): Finding[] {
  if (!known(value) || (typeof value === "string" && pattern.test(value))) return [];
  return [{ code, prop, got: show(value), expected }];
}

/** A finding unless the value is a text of the form that `expected` describes. Unknown values pass. */
export function text(prop: string, value: string | undefined, pattern: RegExp, expected: string): Finding[] {
  return matches(prop, value, pattern, "string_invalid", expected);
}

/** A name as Proxmox has it. */
export function identifier(prop: string, value: string | undefined): Finding[] {
  return text(prop, value, IDENTIFIER, "letters, digits, '.', '_' and '-', beginning with a letter or digit");
}

/** The same for a value that must be there. */
export function required(prop: string, value: string | undefined, pattern: RegExp, code: ErrorCode): Finding[] {
  return value === undefined ? [{ code, prop, got: show(value) }] : matches(prop, value, pattern, code);
}

/** A finding unless the value is a whole number within the range. Unknown values pass. */
export function inRange(prop: string, value: number | undefined, min: number, max: number): Finding[] {
  if (!known(value) || (Number.isInteger(value) && value >= min && value <= max)) return [];
  return [{ code: "number_out_of_range", prop, got: show(value), expected: `a whole number from ${min} to ${max}` }];
}

/** A finding unless the value is a number above 0 and up to a limit; fractions pass. Unknown values pass. */
export function positive(prop: string, value: number | undefined, max: number): Finding[] {
  if (!known(value) || (typeof value === "number" && value > 0 && value <= max)) return [];
  return [{ code: "number_out_of_range", prop, got: show(value), expected: `a number above 0 and up to ${max}` }];
}

/** A finding unless the value is one of the choices. Unknown values pass. */
export function oneOf(prop: string, value: string | undefined, choices: readonly string[]): Finding[] {
  if (!known(value) || choices.includes(value)) return [];
  return [
    { code: "choice_invalid", prop, got: show(value), expected: choices.map((choice) => show(choice)).join(" or ") },
  ];
}

/** The items of an optional list with their props, `list[0]` and so on; unknown lists have none. */
export function items<T>(prop: string, list: readonly T[] | undefined): [prop: string, item: T][] {
  return known(list) ? list.map((item, index) => [`${prop}[${index}]`, item]) : [];
}

/** A finding for each value that occurs twice. */
export function duplicates(entries: [prop: string, value: string][], code: ErrorCode): Finding[] {
  const seen = new Map<string, string>();
  return entries.flatMap(([prop, value]) => {
    const first = seen.get(value);
    if (first === undefined) seen.set(value, prop);
    return first === undefined ? [] : [{ code, prop, got: `${show(value)}, as in ${first}` }];
  });
}
