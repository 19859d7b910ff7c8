// What needs no OpenTofu: whatever the props, synthesis gives an error of the catalogue or a document.
import { App, type TerraformStack, TerraformVariable, Token } from "cdktf";
import fc from "fast-check";
import { CLASSES, propSets, REFUSED_CLASSES, SEED } from "./hostile";
import { addVm, codesOf, newStack, refusalOf } from "./refusal";
import { synthJson } from "../support/synth";

const SETS = 300;

test("fails when a hostile prop set is neither refused with a catalogue error nor synthesized", () => {
  let accepted = 0;
  fc.assert(
    fc.property(propSets, (props) => {
      if (refusalOf(props).length > 0) return;
      accepted += 1;
      synthJson((app: App) => {
        const stack = newStack(app);
        addVm(stack, "vm-1", props);
        return stack;
      });
    }),
    { numRuns: SETS, seed: SEED },
  );
  expect(accepted).toBeGreaterThan(SETS / 2);
});

test.each(Object.entries(REFUSED_CLASSES))("refuses %s in every free text", (_class, texts) => {
  for (const text of texts) {
    expect(refusalOf({ description: text })).not.toEqual([]);
    expect(refusalOf({ extraVars: { a: { b: [text] } } })).not.toEqual([]);
    expect(refusalOf({ extraVars: { a: { [text]: 1 } } })).not.toEqual([]);
    expect(refusalOf({ cloudConfig: { runcmd: [["echo", text]] } })).not.toEqual([]);
    expect(refusalOf({ cloudConfig: { [text]: true } })).not.toEqual([]);
    expect(refusalOf({ cloudConfig: { write_files: [{ path: `/srv/x${text}`, content: "" }] } })).not.toEqual([]);
    expect(refusalOf({ users: [{ name: "ops", sudo: `ALL${text}` }] })).not.toEqual([]);
  }
});

test.each(Object.entries(CLASSES))("accepts %s in a description and in a file's content", (_class, texts) => {
  for (const text of texts) {
    const write_files = [{ path: "/srv/x", content: text }];
    expect(refusalOf({ description: text, cloudConfig: { write_files } })).toEqual([]);
  }
});

const cycle: Record<string, unknown> = {};
cycle.again = [cycle];
class Thing {
  public readonly value = 1;
}

test.each<[string, unknown]>([
  ["NaN", NaN],
  ["an infinite number", -Infinity],
  ["a bigint", 1n],
  ["a function", () => 1],
  ["a symbol", Symbol("x")],
  ["a date, which would arrive as an empty object", new Date(0)],
  ["a map", new Map([["a", 1]])],
  ["an instance of a class", new Thing()],
  ["a gap in a list, behind which everything would move up", [1, undefined, 2]],
  ["a cycle", cycle],
  ["a key that the engine loses", JSON.parse('{"__proto__": {"a": 1}}')],
  ["a list that looks like a token of another tree", ["#{TfToken[TOKEN.9999999]}"]],
  ["a map that looks like a token of another tree", { "&{TfToken[TOKEN.9999999]}": "x" }],
  ["a number that looks like a token of another tree", -8.109562221885233e298],
])("refuses %s where any value may stand", (_what, value) => {
  expect(refusalOf({ extraVars: { a: { b: value } } })).toContain("text_unsafe");
  expect(refusalOf({ cloudConfig: { apt: { conf: value } } })).toContain("text_unsafe");
});

test("accepts lists, maps and numbers that only OpenTofu knows", () => {
  const codes = (build: (stack: TerraformStack) => Record<string, unknown>): string[] => {
    const stack = newStack(new App({ stackTraces: false }));
    try {
      addVm(stack, "vm-1", { extraVars: build(stack) });
      stack.runAllValidations();
      return [];
    } catch (error) {
      return codesOf(error);
    }
  };
  const variable = (stack: TerraformStack, id: string): TerraformVariable => new TerraformVariable(stack, id, {});
  expect(
    codes((stack) => ({
      list: variable(stack, "l").listValue,
      number: variable(stack, "n").numberValue,
      any: variable(stack, "a").value,
      nested: [{ text: `x ${variable(stack, "s").stringValue}` }],
      map: Token.asStringMap(variable(stack, "m").value),
    })),
  ).toEqual([]);
});

test("says in one line what is wrong with a key that has a newline", () => {
  const stack = newStack(new App({ stackTraces: false }));
  addVm(stack, "vm-1", { extraVars: { a: { "x\n  [dev] [dev/vm-2] ok": "\0" } } });
  expect(() => stack.runAllValidations()).toThrow(/text_unsafe: extraVars\.a\["x\\n  \[dev\]/);
});
