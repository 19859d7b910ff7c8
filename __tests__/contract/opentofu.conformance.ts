// The expressions that the construct emits for keys and MACs, evaluated by the real OpenTofu over every vector.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readJson } from "@nexus-pull/contract/test-support";

/** mac = hex(sha256(K + hex(sha256(K + message)))), for a secret and a message that are HCL expressions. */
const macOf = (secret: string, message: string): string =>
  `sha256(format("%s%s", ${secret}, sha256(format("%s%s", ${secret}, ${message}))))`;

const messageOf = `join("\\n", concat([v.action, v.fleet], v.vm == null ? [] : [v.vm], [v.id], v.body == null ? [] : [sha256(v.body)]))`;

/** As in production: secrets are variables, and only expressions are in the JSON. */
const main = {
  variable: {
    keys: { type: "list(object({ secret = string, fleet = string, vm = string }))" },
    macs: {
      type: "list(object({ action = string, secret = string, fleet = string, vm = optional(string), id = string, body = optional(string) }))",
    },
  },
  output: {
    keys: { value: `\${[for v in var.keys : ${macOf("v.secret", 'format("%s/%s", v.fleet, v.vm)')}]}` },
    interpolated: { value: '${[for v in var.keys : sha256("${v.secret}${sha256("${v.secret}${v.fleet}/${v.vm}")}")]}' },
    whsec: {
      value: `\${[for v in var.keys : "whsec_\${base64encode(${macOf("v.secret", 'format("%s/%s", v.fleet, v.vm)')})}"]}`,
    },
    messages: { value: `\${[for v in var.macs : ${messageOf}]}` },
    macs: { value: `\${[for v in var.macs : ${macOf("v.secret", messageOf)}]}` },
  },
};

type Vector = Readonly<Record<string, unknown>>;
const keys = (readJson("vectors/keys.json") as { vectors: Vector[] }).vectors;
// What OpenTofu never sends is not its to compute.
const macs = (readJson("vectors/macs.json") as { vectors: Vector[] }).vectors.filter(
  ({ fleet, action }) => fleet !== undefined && action !== "trust",
);
const only = (names: readonly string[]) => (vector: Vector) =>
  Object.fromEntries(names.filter((name) => name in vector).map((name) => [name, vector[name]]));

function tofuBinary(): string {
  if (process.env["NEXUS_PULL_TOFU"]) return process.env["NEXUS_PULL_TOFU"];
  const script = join(__dirname, "..", "..", "tools", "build.sh");
  const printed = execFileSync("bash", [script, "--print", "--only", "tofu"], { encoding: "utf8" });
  const path = /^NEXUS_PULL_TOFU=(.+)$/m.exec(printed)?.[1];
  if (!path) throw new Error(`tools/build.sh --print named no NEXUS_PULL_TOFU:\n${printed}`);
  return path.replace(/^(['"])(.*)\1$/, "$2");
}

function evaluate(folder: string): Record<string, { value: string[] }> {
  writeFileSync(join(folder, "main.tf.json"), JSON.stringify(main));
  writeFileSync(
    join(folder, "vectors.auto.tfvars.json"),
    JSON.stringify({
      keys: keys.map(only(["secret", "fleet", "vm"])),
      macs: macs.map(only(["action", "secret", "fleet", "vm", "id", "body"])),
    }),
  );
  const binary = tofuBinary();
  // An empty CLI configuration, so that the user's own has no say.
  writeFileSync(join(folder, "tofurc"), "");
  const env = { ...process.env, CHECKPOINT_DISABLE: "1", TF_CLI_CONFIG_FILE: join(folder, "tofurc") };
  const tofu = (...args: string[]) => execFileSync(binary, args, { cwd: folder, stdio: "pipe", env });
  const state = join(folder, "vectors.tfstate");
  tofu("init", "-backend=false", "-no-color");
  tofu("apply", "-auto-approve", "-no-color", `-state=${state}`);
  // Read from the state: `tofu output -json` prints its warnings before the JSON.
  return (JSON.parse(readFileSync(state, "utf8")) as { outputs: Record<string, { value: string[] }> }).outputs;
}

describe("OpenTofu computes the vectors", () => {
  const folder = mkdtempSync(join(tmpdir(), "contract-tofu-"));
  let outputs: Record<string, { value: string[] }> = {};
  beforeAll(() => {
    outputs = evaluate(folder);
  }, 1_200_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const named = (vectors: readonly Vector[], values: readonly unknown[] | undefined) =>
    vectors.map(({ name }, index) => [name, values?.[index]]);
  const column = (vectors: readonly Vector[], key: string) =>
    named(
      vectors,
      vectors.map((vector) => vector[key]),
    );

  test("keys", () => expect(named(keys, outputs["keys"]?.value)).toEqual(column(keys, "key")));
  test("keys, by interpolation", () =>
    expect(named(keys, outputs["interpolated"]?.value)).toEqual(column(keys, "key")));
  test("whsec", () => expect(named(keys, outputs["whsec"]?.value)).toEqual(column(keys, "whsec")));
  test("messages", () => expect(named(macs, outputs["messages"]?.value)).toEqual(column(macs, "message")));
  test("MACs", () => expect(named(macs, outputs["macs"]?.value)).toEqual(column(macs, "mac")));
});
