// environments/*.yaml as the example app reads them: checked against schema.json, every problem with its place.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describeFinding, type Finding } from "../lib/errors";
import type { Environment, EnvironmentDocument } from "./environment";
import { propOf, schemaFindings, type Located } from "./findings";
import { readYaml, YamlSyntaxError, type Position, type YamlSource } from "./yaml-source";

export type * from "./environment";

/** One thing that is wrong with one place of a file. */
export interface EnvironmentProblem extends Finding, Position {
  /** The file, for example `environments/dev.yaml`. */
  readonly file: string;
}

/** Thrown for files that cannot be used. Carries every problem of every file. */
export class EnvironmentError extends Error {
  public constructor(public readonly problems: readonly EnvironmentProblem[]) {
    super(problems.map((problem) => `${placeOf(problem)}: ${describeFinding(problem)}`).join("\n"));
    this.name = "EnvironmentError";
  }
}

const placeOf = ({ file, line, column }: EnvironmentProblem): string => `${file}:${line}:${column}`;

/** Names of the environments in a folder (files *.yaml), sorted. */
export function environmentNames(folder: string = __dirname): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.slice(0, -".yaml".length))
    .sort();
}

/**
 * Reads environments; each VM already has the defaults of its file.
 *
 * @param names - @default every environment of the folder
 * @param folder - @default this folder
 * @throws EnvironmentError - with the problems of all the files
 */
export function loadEnvironments(names?: readonly string[], folder: string = __dirname): Environment[] {
  const problems: EnvironmentProblem[] = [];
  const environments = (names ?? environmentNames(folder)).flatMap((name) => {
    try {
      return [parseEnvironment(name, readFileSync(join(folder, `${name}.yaml`), "utf8"))];
    } catch (error) {
      if (!(error instanceof EnvironmentError)) throw error;
      problems.push(...error.problems);
      return [];
    }
  });
  if (problems.length > 0) throw new EnvironmentError(problems);
  return environments;
}

/**
 * An environment from the text of its file.
 *
 * @param name - the environment's name; the file is called `environments/<name>.yaml` in messages
 * @throws EnvironmentError - with every problem, in the order of the lines
 */
export function parseEnvironment(name: string, text: string): Environment {
  const file = `environments/${name}.yaml`;
  const source = read(file, text);
  const located = [...duplicateKeys(source), ...schemaFindings(source.value), ...duplicateNames(source.value)];
  if (located.length > 0) {
    const problems = located.map(({ path, of, finding }) => ({ file, ...source.locate(path, of), ...finding }));
    throw new EnvironmentError(problems.sort((a, b) => a.line - b.line || a.column - b.column));
  }
  const { defaults, vms, ...rest } = source.value as EnvironmentDocument;
  return { name, ...rest, vms: vms.map((vm) => ({ ...defaults, ...vm })) };
}

function read(file: string, text: string): YamlSource {
  try {
    return readYaml(text);
  } catch (error) {
    if (!(error instanceof YamlSyntaxError)) throw error;
    const finding = { code: "environment_invalid", prop: "YAML", got: error.message, expected: "YAML 1.2" } as const;
    throw new EnvironmentError([{ file, ...error.position, ...finding }]);
  }
}

function* duplicateKeys({ duplicates }: YamlSource): Iterable<Located> {
  for (const { path } of duplicates) {
    yield {
      path,
      of: "key",
      finding: {
        code: "environment_invalid",
        prop: propOf(path),
        got: "the same key twice",
        expected: "each key once",
        remedy: "remove one of the two",
      },
    };
  }
}

/** A schema cannot say it, and the construct tree would refuse it without the file's name. */
function* duplicateNames(value: unknown): Iterable<Located> {
  const vms = (value as Partial<EnvironmentDocument> | null)?.vms;
  const seen = new Map<string, number>();
  for (const [index, vm] of (Array.isArray(vms) ? vms : []).entries()) {
    const name = (vm as { name?: unknown } | null)?.name;
    if (typeof name !== "string") continue;
    const first = seen.get(name);
    if (first === undefined) seen.set(name, index);
    else {
      const got = `${JSON.stringify(name)}, which is vms[${first}].name too`;
      const finding = { code: "vm_name_duplicate", prop: `vms[${index}].name`, got } as const;
      yield { path: ["vms", String(index), "name"], finding };
    }
  }
}
