// Parameter checking as data: what a parameter may be, and Proxmox's words where it is not.
import { badParameters } from "../world/errors";

/** What one parameter, or one property inside a property string, may be. */
export interface Check {
  readonly type: "string" | "integer" | "number" | "boolean";
  readonly required?: boolean;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly pattern?: RegExp;
  /** A format by name: the text of the refusal, or nothing. */
  readonly format?: (value: string) => string | undefined;
  /** The value is a property string of these. */
  readonly properties?: PropertyFormat;
}

/** The properties of a property string. */
export interface PropertyFormat {
  /** The key whose value may stand without it. */
  readonly defaultKey?: string;
  readonly keys: Readonly<Record<string, Check>>;
  /** Other names of keys; `model` as alias of a NIC's `virtio=MAC` also names the model. */
  readonly aliases?: Readonly<Record<string, string>>;
}

/** Parameters by name; `net[n]` stands for net0, net1 and so on. */
export type Parameters = Readonly<Record<string, Check>>;

const UNDEFINED = "property is not defined in schema and the schema does not allow additional properties";
const MISSING = "property is missing and it is not optional";
const BOOLEAN = /^(1|on|yes|true|0|off|no|false)$/i;

/** Whether a text means true. */
export function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(1|on|yes|true)$/i.test(value);
}

function typeProblem(check: Check, value: string): string | undefined {
  const right = {
    string: () => true,
    integer: () => /^-?\d+$/.test(value),
    number: () => value.trim() !== "" && Number.isFinite(Number(value)),
    boolean: () => BOOLEAN.test(value),
  }[check.type]();
  return right ? undefined : `type check ('${check.type}') failed - got '${value}'`;
}

function rangeProblem(check: Check, value: string): string | undefined {
  if (check.minimum !== undefined && Number(value) < check.minimum)
    return `value must have a minimum value of ${check.minimum}`;
  if (check.maximum !== undefined && Number(value) > check.maximum)
    return `value must have a maximum value of ${check.maximum}`;
  if (check.maxLength !== undefined && value.length > check.maxLength)
    return `value may only be ${check.maxLength} characters long`;
  return undefined;
}

function textProblem(check: Check, value: string): string | undefined {
  if (check.enum !== undefined && !check.enum.includes(value))
    return `value '${value}' does not have a value in the enumeration '${check.enum.join(", ")}'`;
  if (check.pattern !== undefined && !check.pattern.test(value)) return "value does not match the regex pattern";
  const format = check.format?.(value);
  return format === undefined ? undefined : `invalid format - ${format}\n`;
}

/** Why a value is refused, or nothing. */
export function problemOf(check: Check, value: string, name: string): string | undefined {
  const simple = typeProblem(check, value) ?? rangeProblem(check, value) ?? textProblem(check, value);
  if (simple !== undefined || check.properties === undefined) return simple;
  const problems = propertyProblems(check.properties, value, name);
  return problems.length === 0 ? undefined : `invalid format - format error\n${problems.join("\n")}\n`;
}

function propertyProblems(format: PropertyFormat, value: string, name: string): string[] {
  const seen = new Map<string, string>();
  const problems: string[] = [];
  for (const part of value.split(",").filter((text) => text !== "")) {
    const at = part.indexOf("=");
    const given = at < 0 ? format.defaultKey : part.slice(0, at);
    if (given === undefined) return [`${name}: value without key, but schema does not define a default key`];
    seen.set(format.aliases?.[given] ?? given, part.slice(at + 1));
  }
  for (const [key, text] of seen) {
    const check = format.keys[key];
    const problem = check === undefined ? UNDEFINED : problemOf(check, text, `${name}.${key}`);
    if (problem !== undefined) problems.push(`${name}.${key}: ${problem.trimEnd()}`);
  }
  for (const [key, check] of Object.entries(format.keys))
    if (check.required === true && !seen.has(key)) problems.push(`${name}.${key}: ${MISSING}`);
  return problems;
}

/** The check of a parameter, also of an indexed one. */
export function checkFor(parameters: Parameters, name: string): Check | undefined {
  if (Object.hasOwn(parameters, name)) return parameters[name];
  const indexed = /^(.*?)(\d+)$/.exec(name);
  return indexed === null ? undefined : parameters[`${indexed[1]}[n]`];
}

/**
 * Holds all parameters of a call against what it accepts.
 *
 * @throws PveError - 400 with every problem at once
 */
export function checkParameters(parameters: Parameters, given: ReadonlyMap<string, string>): void {
  const errors: Record<string, string> = {};
  for (const [name, value] of given) {
    const check = checkFor(parameters, name);
    const problem = check === undefined ? UNDEFINED : problemOf(check, value, name);
    if (problem !== undefined) errors[name] = problem;
  }
  for (const [name, check] of Object.entries(parameters))
    if (check.required === true && !given.has(name)) errors[name] = MISSING;
  if (Object.keys(errors).length > 0) throw badParameters(errors);
}
