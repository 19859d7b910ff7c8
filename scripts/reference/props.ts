// Every prop that a user can give to NexusVmPull, by its path, and docs/reference/props.md out of props.json.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { isHidden, isOurs, ROOT, typeOf, type Library } from "./program";

export const EFFECTS = ["in-place", "replaces", "create-only"] as const;
export const PROPS_FILE = join(ROOT, "docs", "reference", "props.json");

/** What an edit of a prop does to a VM that exists. */
export interface PropRow {
  readonly prop: string;
  readonly effect: (typeof EFFECTS)[number];
  readonly note?: string;
}

/**
 * Paths as the messages of errors have them, with `[]` for any item: `network[].address`, `source.token`, `receiver.fleet`.
 * What a factory such as Git.https() takes counts as a prop of the prop that takes the factory's result.
 */
export function propPaths({ checker, exported }: Library, root = "NexusVmPullProps"): string[] {
  const symbol = exported.get(root);
  if (symbol === undefined) throw new Error(`${root} is not exported`);
  return [...new Set(pathsOf(checker, checker.getDeclaredTypeOfSymbol(symbol), "", []))];
}

function pathsOf(checker: ts.TypeChecker, type: ts.Type, at: string, above: readonly ts.Type[]): string[] {
  return settable(checker, type).flatMap((prop) => {
    const path = at === "" ? prop.name : `${at}.${prop.name}`;
    return [path, ...nested(checker, typeOf(checker, prop), path, above)];
  });
}

/** What lies below a prop of this type. */
function nested(checker: ts.TypeChecker, type: ts.Type, path: string, above: readonly ts.Type[]): string[] {
  if (type.isUnion()) return type.types.flatMap((part) => nested(checker, part, path, above));
  const [item] = checker.isArrayType(type) ? checker.getTypeArguments(type as ts.TypeReference) : [];
  if (item !== undefined) return nested(checker, item, `${path}[]`, above);
  if (!isOurs(type.getSymbol()) || above.includes(type)) return [];
  return pathsOf(checker, type, path, [...above, type]);
}

/** The props of an interface, or what a class's factories and constructor take. */
function settable(checker: ts.TypeChecker, type: ts.Type): ts.Symbol[] {
  if (!type.isClass()) return checker.getPropertiesOfType(type).filter((prop) => !isHidden(checker, prop));
  const statics = checker.getTypeOfSymbol(type.symbol);
  const factories = checker
    .getPropertiesOfType(statics)
    .filter((member) => isOurs(member) && (member.flags & ts.SymbolFlags.Method) !== 0 && !isHidden(checker, member))
    .flatMap((member) => typeOf(checker, member).getCallSignatures());
  const constructors = statics.getConstructSignatures().filter(isPublic);
  return [
    ...factories.flatMap(({ parameters }) =>
      parameters.flatMap((parameter) => spread(checker, parameter) ?? [parameter]),
    ),
    // Scope and id of a construct are no props.
    ...constructors.flatMap(({ parameters }) => parameters.flatMap((parameter) => spread(checker, parameter) ?? [])),
  ];
}

function isPublic(signature: ts.Signature): boolean {
  // A class without a constructor of its own has a signature without a declaration.
  const declaration = signature.getDeclaration() as ts.SignatureDeclaration | undefined;
  return declaration !== undefined && (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Private) === 0;
}

/** The props of an options object; nothing for another parameter. */
function spread(checker: ts.TypeChecker, parameter: ts.Symbol): ts.Symbol[] | undefined {
  const type = typeOf(checker, parameter);
  const symbol = type.getSymbol();
  if (type.isClass() || checker.isArrayType(type) || !isOurs(symbol)) return undefined;
  return checker.getPropertiesOfType(type);
}

/** The committed rows; none as long as there is no file. */
export function readPropRows(): PropRow[] {
  return existsSync(PROPS_FILE) ? (JSON.parse(readFileSync(PROPS_FILE, "utf8")) as PropRow[]) : [];
}

/** What is wrong between the props and their rows, a line each. */
export function compareProps(paths: readonly string[], rows: readonly PropRow[]): string[] {
  const named = rows.map(({ prop }) => prop);
  return [
    ...paths.filter((path) => !named.includes(path)).map((path) => `${path} has no row in props.json`),
    ...named.filter((prop) => !paths.includes(prop)).map((prop) => `${prop} in props.json is no prop`),
    ...named.filter((prop, index) => named.indexOf(prop) !== index).map((prop) => `${prop} has two rows in props.json`),
    ...rows.filter(({ effect }) => !EFFECTS.includes(effect)).map(({ prop }) => `${prop} has an unknown effect`),
  ];
}

/** docs/reference/props.md, in the order of the props' declaration. */
export function propsPage(paths: readonly string[], rows: readonly PropRow[]): string {
  const byProp = new Map(rows.map((row) => [row.prop, row]));
  const lines = paths.flatMap((path) => {
    const row = byProp.get(path);
    return row === undefined ? [] : [`| \`${path}\` | ${row.effect} | ${row.note ?? ""} |`];
  });
  return [
    "# What an edit of a prop does",
    "",
    "Generated from props.json, which comes from plans of the real provider. `in-place`: the VM stays. `replaces`: the VM",
    "is destroyed and made anew. `create-only`: counts when the VM is made, a later edit is ignored.",
    "`[]` stands for any item of a list. What a factory takes, such as `Git.https()`, stands below its prop.",
    "",
    "| prop | an edit is | note |",
    "|---|---|---|",
    ...lines,
    "",
  ].join("\n");
}
