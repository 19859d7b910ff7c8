import Handlebars from "handlebars";
import { readPackageFile } from "./package-root";
import { base64, shell, systemd } from "./escape";

const HELPERS = { systemd, shell, base64 } as const;
const BLOCKS = new Set(["if"]);

/** What a template is given: plain values, each of which it must pass through an escaping helper. */
export type TemplateView = Readonly<Record<string, string | number | boolean | undefined>>;

const engine = Handlebars.create();
for (const [name, escape] of Object.entries(HELPERS)) {
  engine.registerHelper(name, (value: unknown) => new Handlebars.SafeString(escape(value)));
}

/** Renders a file of templates/, for example `renderTemplate("systemd/nexus-pull.service.hbs", view)`. */
export function renderTemplate(name: string, view: TemplateView): string {
  // A stack of a thousand VMs renders the same files a thousand times.
  const render = compiled.get(name) ?? compile(readPackageFile(`templates/${name}`), name);
  compiled.set(name, render);
  return render(view);
}

const compiled = new Map<string, (view: TemplateView) => string>();

/**
 * Renders template text. Refused at once, whatever the values: an expression that no escaping helper wraps, since
 * Handlebars' own escaping is for HTML and would corrupt a shell script or a unit file, or let a value break out of it.
 */
export function renderTemplateText(source: string, view: TemplateView, name = "template"): string {
  return compile(source, name)(view);
}

function compile(source: string, name: string): (view: TemplateView) => string {
  refuseRawExpressions(Handlebars.parse(source), name);
  return engine.compile(source, { strict: true, knownHelpers: { systemd: true, shell: true, base64: true } });
}

function refuseRawExpressions(program: hbs.AST.Program, template: string): void {
  for (const statement of program.body) {
    switch (statement.type) {
      case "MustacheStatement":
        refuseUnlessHelped(statement as hbs.AST.MustacheStatement, template);
        break;
      case "BlockStatement":
        refuseInBlock(statement as hbs.AST.BlockStatement, template);
        break;
      case "ContentStatement":
      case "CommentStatement":
        break;
      default:
        throw templateError(template, statement.loc, `${statement.type} is not used in templates`);
    }
  }
}

function refuseInBlock(block: hbs.AST.BlockStatement, template: string): void {
  const name = nameOf(block.path);
  if (!BLOCKS.has(name)) throw templateError(template, block.loc, `{{#${name}}} is not among ${[...BLOCKS].join(", ")}`);
  refuseRawExpressions(block.program, template);
  if (block.inverse) refuseRawExpressions(block.inverse, template);
}

function refuseUnlessHelped(mustache: hbs.AST.MustacheStatement, template: string): void {
  const name = nameOf(mustache.path);
  const helped = name in HELPERS && mustache.params.length === 1 && mustache.hash === undefined && mustache.escaped;
  if (helped && mustache.params[0]?.type !== "SubExpression") return;
  const helpers = Object.keys(HELPERS).join(", ");
  throw templateError(template, mustache.loc, `{{${name}}} reaches the output unescaped; wrap it in one of ${helpers}`);
}

function nameOf(path: hbs.AST.PathExpression | hbs.AST.Literal): string {
  return "original" in path ? String(path.original) : path.type;
}

function templateError(template: string, at: hbs.AST.SourceLocation, message: string): Error {
  return new Error(`${template}:${at.start.line}:${at.start.column + 1}: ${message}`);
}
