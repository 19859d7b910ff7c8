// Holds answers against Proxmox's own description of them. Real answers are looser than it in places: where a real one was
// seen to be, and nowhere else, the stand-in may be, too.
import { isOptional, type Described, type Description } from "./description";
import { parseProperties } from "./property-string";

/** An answer with what was asked. */
export interface GivenAnswer {
  /** Method and path with the variables' names; nothing when no route was found. */
  readonly route?: string;
  readonly status: number;
  readonly reason: string;
  readonly answer: string;
}

/** What real answers have beside the description, by route and place. */
export type Looser = Readonly<Record<string, readonly string[]>>;

interface Place {
  /** `data[].status` */
  readonly at: string;
  readonly looser: readonly string[];
}

function isType(type: string, value: unknown): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number";
    // Perl has no booleans: JSON gets 0 or 1.
    case "boolean":
      return value === 0 || value === 1;
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "null":
      return value === null;
    default:
      return typeof value === "string";
  }
}

function limits(described: Described, value: unknown): string[] {
  const found: string[] = [];
  const { minimum, maximum, minLength, maxLength, pattern } = described;
  if (described.enum !== undefined && !described.enum.includes(String(value))) found.push(`not one of its values`);
  if (typeof value === "number") {
    if (minimum !== undefined && value < Number(minimum)) found.push(`less than ${minimum}`);
    if (maximum !== undefined && value > Number(maximum)) found.push(`more than ${maximum}`);
  }
  if (typeof value === "string") {
    if (minLength !== undefined && value.length < minLength) found.push(`shorter than ${minLength}`);
    if (maxLength !== undefined && value.length > maxLength) found.push(`longer than ${maxLength}`);
    if (pattern !== undefined && !new RegExp(`^(?:${pattern})$`).test(value)) found.push(`not like ${pattern}`);
  }
  return found;
}

/** Keys of a property string that its format does not have. */
function propertyStringProblems(format: Readonly<Record<string, Described>>, value: string): string[] {
  return [...parseProperties(value, "").keys()]
    .filter((key) => key !== "" && format[key] === undefined)
    .map((key) => `property ${key} is not described`);
}

function textProblems(described: Described, value: unknown): string[] {
  const { format } = described;
  return typeof format === "object" && typeof value === "string" ? propertyStringProblems(format, value) : [];
}

function objectProblems(described: Described, value: Readonly<Record<string, unknown>>, place: Place): string[] {
  const { properties } = described;
  if (properties === undefined) return [];
  const missing = Object.entries(properties)
    .filter(([key, one]) => value[key] === undefined && !isOptional(one) && one.alias === undefined)
    .map(([key]) => problem({ ...place, at: `${place.at}.${key}` }, "is missing"));
  const inside = Object.entries(value).map(([key, one]) => {
    const at = { ...place, at: `${place.at}.${key.replace(/\d+$/, "[n]")}` };
    const known = properties[key] ?? properties[key.replace(/\d+$/, "[n]")];
    if (known !== undefined) return valueProblems(known, one, at);
    return described.additionalProperties === 1 ? [] : [problem(at, "is not described")];
  });
  return [...missing, ...inside].flat().filter((one) => one !== "");
}

/** The problem's text; nothing when real answers are known to have it. */
function problem({ at, looser }: Place, what: string): string {
  const text = `${at} ${what}`;
  return looser.some((one) => text.startsWith(one)) ? "" : text;
}

function valueProblems(described: Described, value: unknown, place: Place): string[] {
  const type = described.type ?? "string";
  if (!isType(type, value)) {
    const got = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
    return [problem(place, `is ${got}, described as ${type}`)].filter((one) => one !== "");
  }
  if (Array.isArray(value)) {
    const { items } = described;
    const at = { ...place, at: `${place.at}[]` };
    return items === undefined ? [] : [...new Set(value.flatMap((one) => valueProblems(items, one, at)))];
  }
  if (type === "object") return objectProblems(described, value as Record<string, unknown>, place);
  return [...limits(described, value), ...textProblems(described, value)]
    .map((what) => problem(place, `is ${JSON.stringify(value)}: ${what}`))
    .filter((one) => one !== "");
}

/** A refusal has its text twice: in the reason phrase and in the body. */
function refusalProblems({ status, reason, answer }: GivenAnswer): string[] {
  if (answer === "") return status === 401 || status === 403 ? [] : ["a refusal without a body"];
  const body = JSON.parse(answer) as { data?: unknown; message?: unknown; errors?: unknown };
  const found: string[] = [];
  if (body.data !== null) found.push("the data of a refusal is not null");
  if (
    String(body.message)
      .split("\n")[0]
      ?.replace(/[^\t\x20-\x7e]/g, "?") !== reason
  )
    found.push("the message is not the reason phrase");
  if (status === 400 && Object.keys(body.errors ?? {}).length === 0) found.push("400 names no parameter");
  return found;
}

/** What in an answer Proxmox's description does not allow. */
export function answerProblems(description: Description, given: GivenAnswer, looser: Looser): string[] {
  const { route = "", status, answer } = given;
  if (status !== 200) return refusalProblems(given).map((one) => `${route} ${status}: ${one}`);
  const [method = "", path = ""] = route.split(" ");
  const returns = description[path]?.methods[method]?.returns;
  if (returns === undefined) return [`${route}: not described`];
  const body = JSON.parse(answer) as Record<string, unknown>;
  const place = { at: "data", looser: [...(looser["*"] ?? []), ...(looser[route] ?? [])] };
  return valueProblems(returns, body.data, place).map((one) => `${route}: ${one}`);
}
