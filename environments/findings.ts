// What the schema finds, in the words of the error catalogue.
import Ajv2020, { type ErrorObject } from "ajv/dist/2020";
import { show, type Finding } from "../lib/errors";
import schema from "./schema.json";

/** A finding and the value (or the key) that it is about. */
export interface Located {
  readonly path: readonly string[];
  readonly of?: "key";
  readonly finding: Finding;
}

const validate = new Ajv2020({
  allErrors: true,
  verbose: true,
  discriminator: true,
  allowUnionTypes: true,
  // Sibling keywords of a $ref (a description) are allowed in 2020-12.
  strictTypes: false,
}).compile(schema);

/** Everything that the schema finds wrong. */
export function schemaFindings(value: unknown): Located[] {
  return validate(value) ? [] : (validate.errors ?? []).map(locatedFinding);
}

function locatedFinding(error: ErrorObject): Located {
  const path = error.instancePath
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  if (error.keyword === "additionalProperties") {
    const key = String(error.params.additionalProperty);
    return { path: [...path, key], of: "key", finding: unknownKey([...path, key], knownKeys(error)) };
  }
  if (error.keyword === "required") {
    const prop = propOf([...path, String(error.params.missingProperty)]);
    return { path, finding: { code: "environment_invalid", prop, got: "nothing", expected: "a value" } };
  }
  const finding: Finding = {
    code: "environment_invalid",
    prop: error.keyword === "discriminator" ? propOf([...path, String(error.params.tag)]) : propOf(path),
    got: show(error.keyword === "discriminator" ? error.params.tagValue : error.data),
    expected: expectedBy(error),
  };
  return { path: error.keyword === "discriminator" ? [...path, String(error.params.tag)] : path, finding };
}

/** `vms[0].network[1].address`; the document itself is "the file". */
export function propOf(path: readonly string[]): string {
  const text = path.map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`)).join("");
  return text === "" ? "the file" : text.replace(/^\./, "");
}

function knownKeys(error: ErrorObject): string[] {
  return Object.keys((error.parentSchema as { properties?: object } | undefined)?.properties ?? {});
}

function unknownKey(path: readonly string[], known: readonly string[]): Finding {
  const guess = nearest(path.at(-1) ?? "", known);
  return {
    code: "environment_invalid",
    prop: propOf(path),
    got: "an unknown key",
    expected: "a key that is known there",
    remedy: guess === undefined ? `remove it; known are ${known.join(", ")}` : `did you mean ${JSON.stringify(guess)}?`,
  };
}

function expectedBy({ keyword, params, parentSchema, message }: ErrorObject): string {
  const { examples } = (parentSchema ?? {}) as { examples?: unknown[] };
  switch (keyword) {
    case "type":
      return [params.type as string | string[]].flat().join(" or ");
    case "enum":
      return `one of ${(params.allowedValues as unknown[]).map((value) => JSON.stringify(value)).join(", ")}`;
    case "discriminator":
      return `one of ${schema.properties.backend.oneOf.map(({ properties }) => JSON.stringify(properties.kind.const)).join(", ")}`;
    case "pattern":
      return examples === undefined
        ? `text like ${String(params.pattern)}`
        : `text such as ${JSON.stringify(examples[0])}`;
    default:
      return (message ?? "a valid value").replace(/^must (be|have|match|NOT have) /, (_, verb: string) =>
        verb === "NOT have" ? "not " : "",
      );
  }
}

/** The known key that was probably meant: a few letters off, or the beginning of it ("memory" for "memoryMiB"). */
export function nearest(key: string, known: readonly string[]): string | undefined {
  const written = key.toLowerCase().replaceAll(/[_-]/g, "");
  const scored = known.map((name) => {
    const candidate = name.toLowerCase();
    const begins = written.length >= 3 && (candidate.startsWith(written) || written.startsWith(candidate));
    return { name, score: begins ? 1 : distance(written, candidate) };
  });
  const [best] = scored.sort((a, b) => a.score - b.score);
  return best !== undefined && best.score <= Math.max(1, Math.floor(key.length / 3)) ? best.name : undefined;
}

/** Levenshtein's distance: how many letters to add, remove or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const change = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
