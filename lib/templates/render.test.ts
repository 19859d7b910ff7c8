import { Token } from "cdktf";
import { base64, shell, systemd } from "./escape";
import { readPackageFile, packageRoot } from "./package-root";
import { renderTemplateText } from "./render";

describe("templates", () => {
  test.each([
    ["an expression without a helper", "a={{x}}"],
    ["a triple-stash", "a={{{x}}}"],
    ["a helper in a triple-stash", "a={{{shell x}}}"],
    ["an ampersand expression", "a={{&x}}"],
    ["a helper nobody registered", "a={{lookup x}}"],
    ["a helper without a value", "a={{shell}}"],
    ["a raw expression inside if", "{{#if x}}{{x}}{{/if}}"],
    ["a raw expression inside else", "{{#if x}}{{else}}{{x}}{{/if}}"],
    ["another block", "{{#each x}}{{shell this}}{{/each}}"],
    ["a partial", "{{> other}}"],
    ["a sub-expression", "{{shell (lookup x)}}"],
  ])("are refused for %s", (_, source) => {
    expect(() => renderTemplateText(source, { x: "1" })).toThrow(/^template:1:\d+: /);
  });

  test("are refused when a value is missing", () => {
    expect(() => renderTemplateText("a={{shell y}}", { x: "1" })).toThrow(/undefined/);
  });

  test("escape nothing as HTML", () => {
    expect(renderTemplateText("a={{shell x}}", { x: `<&>"'` })).toBe(`a='<&>"'\\'''`);
  });
});

describe("systemd", () => {
  test.each([
    ["/usr/local/bin/nexus-pull-agent", "/usr/local/bin/nexus-pull-agent"],
    [900, "900"],
    ["", '""'],
    ["two words", '"two words"'],
    ['say "hi"', '"say \\"hi\\""'],
    ["back\\slash", '"back\\\\slash"'],
    ["50%", '"50%%"'],
    ["$HOME", '"$$HOME"'],
    ["a\nExecStart=/bin/evil", '"a\\x0aExecStart=/bin/evil"'],
  ])("escapes %j", (value, expected) => {
    expect(systemd(value)).toBe(expected);
  });

  test("refuses what it cannot escape", () => {
    expect(() => systemd(Token.asString({ some: "token" }))).toThrow(/OpenTofu/);
    expect(() => systemd(Token.asNumber({ some: "token" }))).toThrow();
    expect(() => systemd("a\0b")).toThrow(/NUL/);
    expect(() => systemd(undefined)).toThrow(/undefined/);
  });
});

test("shell makes one word of anything", () => {
  expect(shell("it's $(evil) `x` \n")).toBe("'it'\\''s $(evil) `x` \n'");
  expect(() => shell(Token.asString({ some: "token" }))).toThrow(/OpenTofu/);
});

describe("base64", () => {
  const token = Token.asString({ some: "token" });

  test.each(["AAAA", "QQ==", token, `QUJD${token}`])("lets %s through unharmed", (value) => {
    expect(base64(value)).toBe(value);
  });

  test.each(["", "A A", "AAAA\nNEXUS_PULL_SEED", "${evil}", `${token}\n`, "QQ===", `${token}'`])("refuses %j", (value) => {
    expect(() => base64(value)).toThrow(/base64/);
  });
});

test("the package's root is found by its name", () => {
  expect(JSON.parse(readPackageFile("package.json"))).toMatchObject({ name: "nexus-vm-pull" });
  expect(packageRoot()).not.toMatch(/lib$/);
});
