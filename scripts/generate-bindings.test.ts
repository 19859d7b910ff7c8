import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as Bindings from "./generate-bindings";

const COMMITTED = join(__dirname, "..", ".gen");

let bindings: typeof Bindings;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "nexus-pull-bindings-"));
  // @cdktf/commons asks terraform for its version as soon as it is imported; the bindings need no such program.
  process.env.TERRAFORM_BINARY_NAME = join(folder, "no-terraform");
  process.env.CHECKPOINT_DISABLE = "1";
  bindings = jest.requireActual<typeof Bindings>("./generate-bindings");
  await bindings.generateBindings(folder);
});

afterAll(() => {
  delete process.env.TERRAFORM_BINARY_NAME;
  delete process.env.CHECKPOINT_DISABLE;
  rmSync(folder, { recursive: true, force: true });
});

function files(root: string): Record<string, string> {
  const found = readdirSync(root, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  const paths = found.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(paths.map((path) => [path.slice(root.length + 1), readFileSync(path, "utf8")]));
}

interface Dump {
  format_version: string;
  provider_schemas: Record<string, { provider: unknown; resource_schemas: Record<string, unknown> }>;
}

function committedSchema(): Dump {
  return JSON.parse(readFileSync(bindings.SCHEMA_FILE, "utf8")) as Dump;
}

/** A dump as tofu prints it: under OpenTofu's own host, with resource types that the library does not use. */
function dump(): Dump {
  const { format_version, provider_schemas } = committedSchema();
  const [schema] = Object.values(provider_schemas);
  if (schema === undefined) throw new Error("the committed schema is empty");
  const resource_schemas = { proxmox_virtual_environment_pool: { version: 0 }, ...schema.resource_schemas };
  return { format_version, provider_schemas: { "registry.opentofu.org/bpg/proxmox": { ...schema, resource_schemas } } };
}

it("fails when .gen is not what the committed schema gives", () => {
  const committed = files(COMMITTED);
  const generated = files(folder);
  expect(Object.keys(generated)).toEqual(Object.keys(committed));
  expect(Object.keys(generated).filter((path) => generated[path] !== committed[path])).toEqual([]);
});

it("constrains the provider to the releases that the library is for", () => {
  expect(files(COMMITTED)["providers/proxmox/provider/index.ts"]).toContain(
    "providerVersionConstraint: '>= 0.111.1, < 1.0.0'",
  );
});

describe("pruneSchema", () => {
  it("drops resource types, and no attribute of those that it keeps", () => {
    expect(bindings.pruneSchema(dump() as never)).toEqual(committedSchema());
  });

  it("fails when a resource type in use is not in the dump", () => {
    const full = dump();
    delete full.provider_schemas["registry.opentofu.org/bpg/proxmox"]?.resource_schemas
      .proxmox_virtual_environment_file;
    expect(() => bindings.pruneSchema(full as never)).toThrow("no resource type proxmox_virtual_environment_file");
  });

  it("fails when the dump is another provider's", () => {
    expect(() => bindings.pruneSchema({ format_version: "1.0", provider_schemas: {} })).toThrow(
      "no schema of bpg/proxmox",
    );
  });
});
