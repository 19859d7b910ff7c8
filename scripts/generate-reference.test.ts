import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { reasons } from "@nexus-pull/contract";
import { pages, REFERENCE } from "./generate-reference";
import { CODES, usedCodes } from "./reference/errors";
import { docOf, isHidden, isOurs, readLibrary, type Library } from "./reference/program";
import { compareProps, propPaths, PROPS_FILE, readPropRows, type PropRow } from "./reference/props";
import { troubleshootingPage } from "./reference/troubleshooting";

jest.setTimeout(60_000);

let library: Library;
beforeAll(() => {
  library = readLibrary();
});

const committed = (name: string): string => readFileSync(join(REFERENCE, name), "utf8");

describe("the generated pages", () => {
  it.each(["api.md", "errors.md", "props.md", "../troubleshooting.md"])(
    "fails when %s is not what the sources give: run `npm run docs`",
    (name) => {
      expect(committed(name)).toBe(pages(library)[name]);
    },
  );

  it("fails when an optional prop of an exported interface has no @default", () => {
    const { checker, exported } = library;
    const bare = [...exported].flatMap(([name, symbol]) =>
      (isOurs(symbol) ? checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol)) : [])
        .filter((prop) => isOptionalProp(prop) && isOurs(prop) && !isHidden(checker, prop))
        .filter((prop) => docOf(checker, prop).default === undefined)
        .map((prop) => `${name}.${prop.name}`),
    );
    expect(bare).toEqual([]);
  });
});

describe("errors.md and the catalogue", () => {
  it("have the same codes, in both directions", () => {
    const documented = [...committed("errors.md").matchAll(/^\| <a id="([a-z_]+)"><\/a>/gm)].map(([, code]) => code);
    expect(documented).toEqual(CODES);
  });

  it("fails when a code of the catalogue is reported nowhere", () => {
    const used = usedCodes();
    expect(CODES.filter((code) => !used.includes(code))).toEqual([]);
  });
});

describe("troubleshooting.md", () => {
  const page = (): string => committed("../troubleshooting.md");

  it("has a row for every reason of the contract, and for nothing else", () => {
    const rows = [...page().matchAll(/^\| <a id="([a-z_]+)"><\/a>/gm)].map(([, code]) => code);
    expect(rows.sort()).toEqual(reasons.map(({ code }) => code).sort());
  });

  it("names reasons in its text that exist", () => {
    const known = new Set(reasons.map(({ code }) => code));
    const named = [...page().matchAll(/(?<=[(,] ?)`([a-z]+(?:_[a-z]+)+)`/g)].map(([, code]) => code ?? "");
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((code) => !known.has(code))).toEqual([]);
  });

  it("names the logs", () => {
    for (const log of ["cloud-init-output.log", "ansible-pull.log", "ansible-webhook.log"])
      expect(page()).toContain(`/var/log/${log}`);
  });

  it("fails on a reason of an area that it has no section for", () => {
    const stray = { ...reasons[0], area: "weather", code: "rain" } as unknown as (typeof reasons)[number];
    expect(() => troubleshootingPage([stray])).toThrow("rain");
  });
});

describe("props.json", () => {
  const row = (prop: string, effect: string): PropRow => ({ prop, effect }) as PropRow;

  it("has a row for every prop, and none for anything else", () => {
    expect(existsSync(PROPS_FILE)).toBe(true);
    expect(compareProps(propPaths(library), readPropRows())).toEqual([]);
  });

  it("is held to lists, factories, unions and constructs too", () => {
    const expected = [
      "name",
      "network[].address",
      "source.token",
      "schedule.jitter",
      "waitForConfigured.timeout",
      "receiver.fleet",
    ];
    expect(propPaths(library)).toEqual(expect.arrayContaining(expected));
    expect(propPaths(library)).not.toContain("receiver.x");
  });

  it("fails on a prop without a row, a row without a prop, a second row and an unknown effect", () => {
    expect(
      compareProps(["cores", "tags"], [row("cores", "in-place"), row("cores", "maybe"), row("gone", "replaces")]),
    ).toEqual([
      "tags has no row in props.json",
      "gone in props.json is no prop",
      "cores has two rows in props.json",
      "cores has an unknown effect",
    ]);
  });
});

function isOptionalProp({ declarations }: { declarations?: readonly object[] }): boolean {
  return declarations?.some((node) => "questionToken" in node && node.questionToken !== undefined) === true;
}
