// Compares two files in the form of `tofu providers schema -json`, each holding one provider: names, types and flags.
// Descriptions may differ, and the provider's address. Prints each difference; exit 1 if there is one.
// usage: node tools/schema-diff.mjs WANTED.json GOT.json
import { readFileSync } from "node:fs";

const FLAGS = ["required", "optional", "computed", "sensitive", "deprecated", "write_only"];

function load(file) {
  const providers = Object.values(JSON.parse(readFileSync(file, "utf8")).provider_schemas ?? {});
  if (providers.length !== 1) throw new Error(`${file}: expected exactly one provider, got ${providers.length}`);
  return providers[0];
}

/** A schema as flat lines, so that every difference has a path. */
function describe(path, schema, out) {
  out.set(path, `version ${schema.version ?? 0}`);
  describeBlock(path, schema.block ?? {}, out);
}

function describeBlock(path, block, out) {
  if (block.deprecated) out.set(`${path} (block)`, "deprecated");
  for (const [name, attribute] of Object.entries(block.attributes ?? {})) {
    const type = JSON.stringify(attribute.type ?? attribute.nested_type);
    out.set(`${path}.${name}`, [type, ...FLAGS.filter((flag) => attribute[flag])].join(" "));
  }
  for (const [name, nested] of Object.entries(block.block_types ?? {})) {
    const { nesting_mode: mode, min_items: min = 0, max_items: max = 0 } = nested;
    out.set(`${path}.${name}{}`, `${mode} ${min}..${max}`);
    describeBlock(`${path}.${name}{}`, nested.block, out);
  }
}

function flatten(provider) {
  const out = new Map();
  describe("provider", provider.provider ?? {}, out);
  for (const kind of Object.keys(provider).filter((key) => key.endsWith("_schemas") || key === "functions")) {
    for (const [name, schema] of Object.entries(provider[kind])) describe(`${kind}.${name}`, schema, out);
  }
  return out;
}

const [wantedFile, gotFile] = process.argv.slice(2);
if (!gotFile) {
  process.stderr.write("usage: node tools/schema-diff.mjs WANTED.json GOT.json\n");
  process.exit(2);
}
const wanted = flatten(load(wantedFile));
const got = flatten(load(gotFile));
let differences = 0;
for (const path of new Set([...wanted.keys(), ...got.keys()])) {
  if (wanted.get(path) === got.get(path)) continue;
  differences += 1;
  process.stdout.write(`${path}: wanted ${wanted.get(path) ?? "nothing"}, got ${got.get(path) ?? "nothing"}\n`);
}
process.exitCode = differences === 0 ? 0 : 1;
