import { readFileSync } from "node:fs";
import { join } from "node:path";

export type Json = { [key: string]: unknown };

const read = (file: string): Json => JSON.parse(readFileSync(join(__dirname, file), "utf8")) as Json;

/** Every definition of every schema in one namespace: their names are unique, and a test holds that. */
export function allDefinitions(): Json {
  const files = ["agent-config", "seed", "roster", "event", "evidence"].map((name) => read(`${name}.schema.json`));
  const merged: Json = {};
  for (const file of files) {
    for (const [name, definition] of Object.entries(file["$defs"] ?? {})) {
      if (name in merged) throw new Error(`two schemas define ${name}`);
      merged[name] = definition;
    }
    // event.schema.json's root is one of its own definitions.
    if (file["$id"] === "event.schema.json") continue;
    const root = Object.entries(file).filter(([key]) => !["$schema", "$id", "$defs", "title"].includes(key));
    merged[String(file["title"])] = Object.fromEntries(root);
  }
  return merged;
}
