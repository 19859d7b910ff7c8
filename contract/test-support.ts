// Shared by the contract's tests; ajv is a development dependency, so nothing that ships imports this.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv2020, { type ErrorObject } from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { schemas } from "./index";

export interface PatchStep {
  readonly op: "add" | "replace" | "remove";
  readonly path: string;
  readonly value?: unknown;
}
export interface ExampleFile {
  readonly schema: string;
  readonly valid: readonly { readonly name: string; readonly value: unknown }[];
  readonly invalid: readonly {
    readonly name: string;
    readonly of: string;
    readonly patch: readonly PatchStep[];
    readonly keyword: string;
    readonly path: string;
  }[];
}

export const EXAMPLE_FILES = ["events", "agent-config", "seed", "evidence", "roster"] as const;

export const readJson = (file: string): unknown => JSON.parse(readFileSync(join(__dirname, file), "utf8"));
export const readExamples = (name: string): ExampleFile => readJson(`examples/${name}.json`) as ExampleFile;

/** A validator with every schema. strictRequired is off: `then` and `anyOf` name what a sibling defines. */
export function createValidator(): Ajv2020 {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true });
  addFormats(ajv);
  for (const schema of Object.values(schemas)) ajv.addSchema(schema);
  return ajv;
}

export function errorsOf(ajv: Ajv2020, schema: string, value: unknown): readonly ErrorObject[] {
  const validate = ajv.getSchema(schema);
  if (!validate) throw new Error(`no schema ${schema}`);
  return validate(value) ? [] : (validate.errors ?? []);
}

/** JSON Patch, as far as the examples use it. */
export function patched(value: unknown, steps: readonly PatchStep[]): unknown {
  const copy = structuredClone(value) as Record<string, unknown>;
  for (const { op, path, value: put } of steps) {
    const keys = path.slice(1).split("/");
    const last = keys.pop() as string;
    const parent = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy);
    if (op !== "add" && !(last in parent)) throw new Error(`nothing to ${op} at ${path}`);
    if (op === "remove") delete parent[last];
    else parent[last] = put;
  }
  return copy;
}

/** Every value under a key, at any depth. */
export function valuesAt(node: unknown, key: string): unknown[] {
  if (node === null || typeof node !== "object") return [];
  return Object.entries(node).flatMap(([name, inner]) => [...(name === key ? [inner] : []), ...valuesAt(inner, key)]);
}
