import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CATALOGUE } from "../lib/errors";
import { SAME_AS_PROPS } from "./environment";
import { nearest } from "./findings";
import { EnvironmentError, environmentNames, loadEnvironments, parseEnvironment } from "./load";
import schema from "./schema.json";

const OK = "backend:\n  kind: local\nvms:\n  - name: nexus-01\n";

function problems(text: string): string[] {
  try {
    parseEnvironment("dev", text);
  } catch (error) {
    if (error instanceof EnvironmentError) return error.message.split("\n");
    throw error;
  }
  return [];
}

describe("the environments of the example", () => {
  const environments = loadEnvironments();

  it("are dev with one VM and local state, and prod with three and MinIO", () => {
    expect(environmentNames()).toEqual(["dev", "prod"]);
    expect(environments.map(({ name, backend, vms }) => [name, backend.kind, vms.map((vm) => vm.name)])).toEqual([
      ["dev", "local", ["nexus-01"]],
      ["prod", "minio", ["nexus-01", "nexus-02", "nexus-store-01"]],
    ]);
  });

  it("use documentation addresses only", () => {
    for (const address of JSON.stringify(environments).match(/\d+\.\d+\.\d+\.\d+/g) ?? []) {
      expect(address).toMatch(/^192\.0\.2\./);
    }
  });

  it("give a VM the file's defaults, which its own values replace as a whole", () => {
    const [first, , store] = environments[1]?.vms ?? [];
    expect(first).toMatchObject({ cores: 4, tags: ["nexus", "prod"], dns: { domain: "example.com" } });
    expect(store).toMatchObject({ cores: 8, diskGiB: 100, tags: ["nexus", "prod", "storage"] });
  });
});

it("takes the smallest file", () => {
  expect(parseEnvironment("x", OK)).toEqual({ name: "x", backend: { kind: "local" }, vms: [{ name: "nexus-01" }] });
});

describe("what is wrong is said with its place", () => {
  const remedy = CATALOGUE.environment_invalid.remedy;

  it.each<[string, string, string]>([
    [
      "a wrong type",
      `${OK}    cores: "four"\n`,
      `environments/dev.yaml:5:12: environment_invalid: vms[0].cores: got "four", expected integer; ${remedy}`,
    ],
    [
      "a number out of range",
      `${OK}    cores: 0\n`,
      `environments/dev.yaml:5:12: environment_invalid: vms[0].cores: got 0, expected >= 1; ${remedy}`,
    ],
    [
      "an unknown key",
      `${OK}    memory: 4096\n`,
      'environments/dev.yaml:5:5: environment_invalid: vms[0].memory: got an unknown key, expected a key that is known there; did you mean "memoryMiB"?',
    ],
    [
      "a missing key",
      "backend:\n  kind: local\nvms:\n  - cores: 2\n",
      `environments/dev.yaml:4:5: environment_invalid: vms[0].name: got nothing, expected a value; ${remedy}`,
    ],
    [
      "a value of the wrong form",
      `${OK}    runTimeout: soon\n`,
      `environments/dev.yaml:5:17: environment_invalid: vms[0].runTimeout: got "soon", expected text such as "1h"; ${remedy}`,
    ],
    [
      "an unknown choice",
      `${OK}    mode: watch\n`,
      `environments/dev.yaml:5:11: environment_invalid: vms[0].mode: got "watch", expected one of "apply", "audit"; ${remedy}`,
    ],
    [
      "an unknown backend",
      OK.replace("local", "gcs"),
      `environments/dev.yaml:2:9: environment_invalid: backend.kind: got "gcs", expected one of "local", "minio", "s3"; ${remedy}`,
    ],
    [
      "a backend without its bucket",
      OK.replace("kind: local", "kind: minio\n  endpoint: https://minio.example"),
      `environments/dev.yaml:2:3: environment_invalid: backend.bucket: got nothing, expected a value; ${remedy}`,
    ],
    [
      "a duplicate key",
      `${OK}    cores: 2\n    tags: []\n    cores: 4\n`,
      "environments/dev.yaml:7:5: environment_invalid: vms[0].cores: got the same key twice, expected each key once; remove one of the two",
    ],
    [
      "a duplicate VM",
      `${OK}  - name: nexus-01\n`,
      `environments/dev.yaml:5:11: vm_name_duplicate: vms[1].name: got "nexus-01", which is vms[0].name too, expected ${CATALOGUE.vm_name_duplicate.expected}; ${CATALOGUE.vm_name_duplicate.remedy}`,
    ],
  ])("fails for %s", (_, text, message) => {
    expect(problems(text)).toEqual([message]);
  });

  it("fails for credentials in the file", () => {
    const [problem, ...more] = problems(
      OK.replace("kind: local", "kind: s3\n  bucket: b\n  region: r\n  accessKey: AKIA"),
    );
    expect(problem).toContain("environments/dev.yaml:5:3: environment_invalid: backend.accessKey: got an unknown key");
    expect(more).toEqual([]);
  });

  it.each([
    ["a tab", "backend:\n\tkind: local\n", /^environments\/dev\.yaml:2:1: environment_invalid: YAML: got /],
    [
      "an open quote",
      'backend:\n  kind: "local\n',
      /^environments\/dev\.yaml:\d+:\d+: environment_invalid: YAML: got /,
    ],
    ["two documents", `${OK}---\n${OK}`, /more than one document/],
    ["nothing", "", /^environments\/dev\.yaml:1:1: environment_invalid: /],
    ["a comment only", "# nothing\n", /^environments\/dev\.yaml:\d:1: environment_invalid: /],
    ["a list", "- a\n", /^environments\/dev\.yaml:1:1: environment_invalid: the file: got \["a"\], expected object/],
    ["a number as key", `${OK}    1: 2\n`, /^environments\/dev\.yaml:5:5: .*vms\[0\]\[1\]: got an unknown key/],
  ])("fails for %s, in one line", (_, text, message) => {
    const all = problems(text);
    expect(all).toHaveLength(1);
    expect(all[0]).toMatch(message);
  });

  it("reports all problems of a file together, in the order of the lines", () => {
    const all = problems(`bakend: x\n${OK}    cores: two\n    tags: dev\n    cores: 3\n  - nmae: b\n`);
    expect(all.map((line) => line.split(": ").slice(0, 3).join(" "))).toEqual([
      "environments/dev.yaml:1:1 environment_invalid bakend",
      "environments/dev.yaml:7:11 environment_invalid vms[0].tags",
      "environments/dev.yaml:8:5 environment_invalid vms[0].cores",
      "environments/dev.yaml:9:5 environment_invalid vms[1].name",
      "environments/dev.yaml:9:5 environment_invalid vms[1].nmae",
    ]);
  });

  it("finds the place through aliases, quotes, CRLF and a byte order mark", () => {
    expect(problems(`\uFEFF${OK.replaceAll("\n", "\r\n")}    "cores": 'x'\r\n`)[0]).toContain("dev.yaml:5:14: ");
    expect(problems(`${OK}    network: [&n {bridge: 5}, *n]\n`).map((line) => line.split(": ")[0])).toEqual([
      "environments/dev.yaml:5:27",
      "environments/dev.yaml:5:31",
    ]);
  });

  it("reports the problems of all files together", () => {
    const folder = mkdtempSync(join(tmpdir(), "nexus-pull-environments-"));
    try {
      for (const name of ["a", "b"]) writeFileSync(join(folder, `${name}.yaml`), "vms: []\n");
      expect(() => loadEnvironments(undefined, folder)).toThrow(/a\.yaml:1:1: [^]*b\.yaml:1:1: /);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

it.each([
  ["core", "cores"],
  ["vlan", "vlanId"],
  ["mac", "macAddress"],
  ["memory_mib", "memoryMiB"],
  ["disk", "diskGiB"],
  ["playbok", "playbooks"],
  ["zzzzzz", undefined],
])("guesses %s", (written, meant) => {
  expect(nearest(written, ["cores", "vlanId", "macAddress", "memoryMiB", "diskGiB", "playbooks"])).toBe(meant);
});

it("fails when the schema and the types have different keys", () => {
  const settings = Object.keys(schema.$defs.settings.properties).sort();
  expect(settings).toEqual([...SAME_AS_PROPS, "nodeName", "templateVmId", "ref", "commit", "schedule"].sort());
  expect(Object.keys(schema.$defs.vm.properties).sort()).toEqual([...settings, "name", "vmId"].sort());
});
