// docs/reference/api.md: every exported class, interface and type with what its docstrings say.
import ts from "typescript";
import { CODES } from "./errors";
import { cell, code } from "./markdown";
import { docOf, isHidden, isOurs, typeOf, type Library } from "./program";

const FORMAT = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope;

/** docs/reference/api.md. */
export function apiPage(library: Library): string {
  const sections = [...library.exported].map(([name, symbol]) =>
    isOurs(symbol) ? section(library.checker, name, symbol) : generated(name),
  );
  return [
    "# API",
    "",
    "Generated from the docstrings in lib/. What an edit of a prop does: [props.md](props.md). Errors: [errors.md](errors.md).",
    "",
    ...sections.map((lines) => lines.join("\n") + "\n"),
  ].join("\n");
}

function generated(name: string): string[] {
  return [
    `## ${name}`,
    "",
    "Generated from the provider's schema; its attributes are those of the provider's documentation.",
  ];
}

function section(checker: ts.TypeChecker, name: string, symbol: ts.Symbol): string[] {
  const { text } = docOf(checker, symbol);
  const head = [`## ${name}`, "", ...(text === "" ? [] : [linked(text), ""])];
  if ((symbol.flags & ts.SymbolFlags.Class) !== 0) return [...head, ...classBody(checker, name, symbol)];
  if ((symbol.flags & ts.SymbolFlags.Interface) !== 0)
    return [...head, ...propsTable(checker, ownProps(checker, symbol), "required")];
  const alias = symbol.declarations?.find(ts.isTypeAliasDeclaration);
  return [...head, ...(alias === undefined ? [] : [code(alias.type.getText())])];
}

/** Codes of the catalogue become links to their row. */
function linked(text: string): string {
  return text.replace(/`([a-z_]+)`/g, (whole, name: string) =>
    (CODES as readonly string[]).includes(name) ? `[${whole}](errors.md#${name})` : whole,
  );
}

function ownProps(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol[] {
  return checker
    .getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))
    .filter((member) => isOurs(member) && !isHidden(checker, member) && (member.flags & ts.SymbolFlags.Method) === 0);
}

function classBody(checker: ts.TypeChecker, name: string, symbol: ts.Symbol): string[] {
  const statics = checker.getTypeOfSymbol(symbol);
  const methods = (type: ts.Type) =>
    checker
      .getPropertiesOfType(type)
      .filter((member) => isOurs(member) && !isHidden(checker, member) && (member.flags & ts.SymbolFlags.Method) !== 0);
  return [
    ...constructors(checker, name, symbol, statics),
    ...methods(statics).flatMap((member) => method(checker, `${name}.${member.name}`, member)),
    ...methods(checker.getDeclaredTypeOfSymbol(symbol)).flatMap((member) => method(checker, member.name, member)),
    ...propsTable(checker, ownProps(checker, symbol)),
  ];
}

function constructors(checker: ts.TypeChecker, name: string, symbol: ts.Symbol, statics: ts.Type): string[] {
  const abstract = symbol.declarations?.some(
    (node) => (ts.getCombinedModifierFlags(node as ts.Declaration) & ts.ModifierFlags.Abstract) !== 0,
  );
  const open = statics.getConstructSignatures().filter((signature) => {
    const declaration = signature.getDeclaration() as ts.SignatureDeclaration | undefined;
    return declaration !== undefined && (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Private) === 0;
  });
  if (abstract === true) return [];
  return open.flatMap((signature) => [code(`new ${name}(${parameters(checker, signature)})`), ""]);
}

function parameters(checker: ts.TypeChecker, signature: ts.Signature): string {
  return signature.parameters
    .map((parameter) => {
      const declaration = parameter.valueDeclaration as ts.ParameterDeclaration | undefined;
      const optional =
        declaration !== undefined && (declaration.initializer ?? declaration.questionToken) !== undefined;
      return `${parameter.name}${optional ? "?" : ""}: ${written(checker, parameter)}`;
    })
    .join(", ");
}

/** The type as the source spells it, which keeps the names of unions; else as the compiler does. */
function written(checker: ts.TypeChecker, symbol: ts.Symbol): string {
  const declaration = symbol.valueDeclaration as (ts.Declaration & { type?: ts.TypeNode }) | undefined;
  return (declaration?.type?.getText() ?? checker.typeToString(typeOf(checker, symbol), undefined, FORMAT)).replace(
    /\s+/g,
    " ",
  );
}

function method(checker: ts.TypeChecker, title: string, symbol: ts.Symbol): string[] {
  const { text, params } = docOf(checker, symbol);
  const signatures = typeOf(checker, symbol).getCallSignatures();
  return signatures.flatMap((signature) => [
    `### ${title}`,
    "",
    code(
      `${title}(${parameters(checker, signature)}): ${checker.typeToString(signature.getReturnType(), undefined, FORMAT)}`,
    ),
    "",
    linked(text),
    "",
    ...[...params].map(([name, meaning]) => `- \`${name}\`: ${linked(meaning)}`),
    ...(params.size > 0 ? [""] : []),
  ]);
}

function propsTable(checker: ts.TypeChecker, props: readonly ts.Symbol[], none = ""): string[] {
  if (props.length === 0) return [];
  return [
    "| name | type | default | meaning |",
    "|---|---|---|---|",
    ...props.map((prop) => {
      const doc = docOf(checker, prop);
      return `| \`${prop.name}\` | ${code(written(checker, prop))} | ${defaultOf(doc.default) ?? none} | ${linked(cell(doc.text))} |`;
    }),
    "",
  ];
}

/** `@default - words` is a behaviour; anything else is a value. */
function defaultOf(text: string | undefined): string | undefined {
  if (text !== undefined) return text.startsWith("- ") ? cell(text.slice(2)) : code(text);
  return undefined;
}
