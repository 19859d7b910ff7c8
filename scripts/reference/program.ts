// lib/ as the TypeScript compiler sees it: what is exported, and what its docstrings say.
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";

export const ROOT = join(__dirname, "..", "..");
const ENTRY = join(ROOT, "lib", "index.ts");

/** The compiler's view of the library. */
export interface Library {
  readonly checker: ts.TypeChecker;
  /** Exported symbols by the name under which they are exported, in alphabetical order. */
  readonly exported: ReadonlyMap<string, ts.Symbol>;
}

/** Reads lib/ and what it imports. Takes seconds: do it once. */
export function readLibrary(): Library {
  const config = ts.parseConfigFileTextToJson("tsconfig.json", readFileSync(join(ROOT, "tsconfig.json"), "utf8"));
  const { options } = ts.convertCompilerOptionsFromJson(
    (config.config as { compilerOptions: unknown }).compilerOptions,
    ROOT,
  );
  const program = ts.createProgram([ENTRY], { ...options, types: ["node"], noEmit: true });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(ENTRY);
  const entry = source && checker.getSymbolAtLocation(source);
  if (entry === undefined) throw new Error("lib/index.ts exports nothing");
  const symbols = checker.getExportsOfModule(entry).map((symbol) => [symbol.name, original(checker, symbol)] as const);
  return { checker, exported: new Map(symbols.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function original(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol {
  return (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
}

/** Where a symbol is declared, from the repository's top folder; nothing when it has no declaration. */
export function fileOf(symbol: ts.Symbol): string | undefined {
  const file = symbol.declarations?.[0]?.getSourceFile().fileName;
  return file === undefined ? undefined : relative(ROOT, file);
}

/** Whether it is written in lib/ by hand, and not generated, a dependency's or the language's. */
export function isOurs(symbol: ts.Symbol | undefined): symbol is ts.Symbol {
  return symbol !== undefined && fileOf(symbol)?.startsWith("lib/") === true;
}

/** A docstring taken apart. */
export interface Doc {
  readonly text: string;
  /** The text of @default. */
  readonly default?: string;
  readonly internal: boolean;
  /** @param by name. */
  readonly params: ReadonlyMap<string, string>;
}

export function docOf(checker: ts.TypeChecker, symbol: ts.Symbol): Doc {
  const tags = symbol.getJsDocTags(checker);
  const value = (name: string): string | undefined => {
    const tag = tags.find((candidate) => candidate.name === name);
    return tag && ts.displayPartsToString(tag.text).trim();
  };
  const params = tags.filter(({ name }) => name === "param").map((tag) => paramOf(ts.displayPartsToString(tag.text)));
  return {
    text: ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim(),
    default: value("default"),
    internal: value("internal") !== undefined,
    params: new Map(params),
  };
}

function paramOf(text: string): readonly [string, string] {
  const [, name = "", rest = ""] = /^(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
  return [name, rest];
}

/** The type of a property or parameter as it is written for a reader: without `undefined` of an optional one. */
export function typeOf(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Type {
  const declaration = symbol.valueDeclaration ?? symbol.declarations?.[0];
  if (declaration === undefined) throw new Error(`${symbol.name} has no declaration`);
  return checker.getNonNullableType(checker.getTypeOfSymbolAtLocation(symbol, declaration));
}

/** Whether a private or protected member, or one for the library's own use. */
export function isHidden(checker: ts.TypeChecker, symbol: ts.Symbol): boolean {
  const declaration = symbol.valueDeclaration ?? symbol.declarations?.[0];
  const flags = declaration === undefined ? 0 : ts.getCombinedModifierFlags(declaration);
  return (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0 || docOf(checker, symbol).internal;
}
