// What Jinja expressions refer to: a tokenizer, so that attributes, keyword arguments and texts are no references.

/** A name at the start of a reference, with what follows it. */
export interface JinjaName {
  readonly name: string;
  readonly offset: number;
  /** `['web']` or `.web`: the first step after the name, without quotes; undefined when there is none. */
  readonly step?: string;
  /** Whether the step is a text, not an expression. */
  readonly literalStep?: boolean;
  /** The first argument, when the name is called with a text. */
  readonly argument?: string;
  /** The second argument, when it is a text. */
  readonly second?: string;
}

interface Token {
  readonly kind: "name" | "text" | "mark";
  readonly value: string;
  readonly offset: number;
}

const MOST_TOKENS = 200_000;

/** Names in the expressions of a template. */
export function namesInTemplate(text: string): JinjaName[] {
  return expressionsIn(text).flatMap(({ start, end }) => namesIn(text, start, end));
}

/** Names of a text that is an expression as a whole (`when:`), and of templates in it. */
export function namesInExpression(text: string): JinjaName[] {
  return text.includes("{{") ? namesInTemplate(text) : namesIn(text, 0, text.length);
}

function expressionsIn(text: string): { readonly start: number; readonly end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (let at = 0; at < text.length;) {
    const open = text.indexOf("{", at);
    if (open < 0) break;
    const kind = text[open + 1];
    if (kind === "#") {
      const close = text.indexOf("#}", open + 2);
      at = close < 0 ? text.length : close + 2;
    } else if (kind === "{" || kind === "%") {
      const end = endOf(text, open + 2, kind === "{" ? "}}" : "%}");
      if (kind === "%" && /^[-+]?\s*raw\b/.test(text.slice(open + 2, open + 20))) {
        const raw = /\{%[-+]?\s*endraw/g;
        raw.lastIndex = end;
        at = raw.exec(text)?.index ?? text.length;
        // Past the endraw tag's own opening, so that it is not read as an expression.
        at = Math.min(text.length, at + 2);
        continue;
      }
      found.push({ start: open + 2, end });
      at = end + 2;
    } else {
      at = open + 1;
    }
  }
  return found;
}

/** Where an expression ends: a mark inside a text does not count. */
function endOf(text: string, start: number, mark: string): number {
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (text.startsWith(mark, at)) return at;
    if (char === "'" || char === '"') {
      const close = text.indexOf(char, at + 1);
      if (close < 0) return text.length;
      at = close;
    }
  }
  return text.length;
}

function tokens(text: string, start: number, end: number): Token[] {
  const found: Token[] = [];
  const pattern = /[A-Za-z_]\w*|\\?'(?:[^'\\]|\\.)*'|\\?"(?:[^"\\]|\\.)*"|\d[\w.]*|==|!=|<=|>=|\S/gy;
  for (let at = start; at < end && found.length < MOST_TOKENS;) {
    if (/\s/.test(text[at]!)) {
      at++;
      continue;
    }
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) break;
    found.push(tokenOf(match[0], at));
    at += match[0].length;
  }
  return found;
}

function tokenOf(value: string, offset: number): Token {
  const quoted = /^\\?(['"])(.*?)\\?\1$/s.exec(value);
  if (quoted !== null && value.length > 1) return { kind: "text", value: quoted[2]!, offset };
  return { kind: /^[A-Za-z_]/.test(value) ? "name" : "mark", value, offset };
}

function namesIn(text: string, start: number, end: number): JinjaName[] {
  const all = tokens(text, start, end);
  return all.flatMap((token, index): JinjaName[] => {
    if (token.kind !== "name") return [];
    const [before, after] = [all[index - 1], all[index + 1]];
    // An attribute (also after a dot in front of a filter's name), or a keyword argument.
    if (before?.value === "." && before.kind === "mark") return [];
    if (after?.kind === "mark" && after.value === "=") return [];
    return [{ name: token.value, offset: token.offset, ...stepsAfter(all, index) }];
  });
}

function stepsAfter(all: readonly Token[], index: number): Partial<JinjaName> {
  const [open, first, close] = [all[index + 1], all[index + 2], all[index + 3]];
  if (open?.kind !== "mark" || first === undefined) return {};
  switch (open.value) {
    case ".":
      return first.kind === "name" ? { step: first.value, literalStep: true } : {};
    case "[": {
      const whole = close?.value === "]";
      return { step: whole ? first.value : `${first.value}…`, literalStep: whole && first.kind === "text" };
    }
    case "(":
      return first.kind === "text" ? { argument: first.value, second: secondArgument(all, index + 3) } : {};
    default:
      return {};
  }
}

function secondArgument(all: readonly Token[], comma: number): string | undefined {
  const second = all[comma]?.value === "," ? all[comma + 1] : undefined;
  return second?.kind === "text" ? second.value : undefined;
}
