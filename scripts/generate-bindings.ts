// Generates .gen/ (the typed bindings of the Proxmox provider) from schemas/proxmox.json, without a network.
//   npm run bindings                       regenerates .gen/ from the committed schema
//   npm run bindings -- --from FULL.json   first prunes a `tofu providers schema -json` dump into schemas/proxmox.json
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConstructsMakerTarget, Language, TerraformProviderConstraint } from "@cdktf/commons";
import { TerraformProviderGenerator } from "@cdktf/provider-generator/lib/get/generator/provider-generator";
import { CodeMaker } from "codemaker";

/** What the library uses. Whole types only: a type that is kept keeps every attribute, so users can reach them all. */
const RESOURCE_TYPES = ["proxmox_virtual_environment_vm", "proxmox_virtual_environment_file", "proxmox_download_file"];
// The generator knows a provider only under this registry's name; the emitted source stays plain `bpg/proxmox`,
// which OpenTofu and Terraform each resolve at their own registry.
const SCHEMA_KEY = "registry.terraform.io/bpg/proxmox";
/** 0.111.1 is the oldest release this library is tested with; 1.0 removes the long resource names. */
export const PROVIDER_CONSTRAINT = "bpg/proxmox@>= 0.111.1, < 1.0.0";

export const SCHEMA_FILE = join(__dirname, "..", "schemas", "proxmox.json");

interface ProviderSchema {
  provider: unknown;
  resource_schemas: Record<string, unknown>;
}
interface SchemaDump {
  format_version: string;
  provider_schemas: Record<string, ProviderSchema>;
}

/** Keeps the provider's own schema and the resource types in use. Throws when one of them is not in the dump. */
export function pruneSchema(dump: SchemaDump): SchemaDump {
  const full = Object.entries(dump.provider_schemas).find(([key]) => key.endsWith("/bpg/proxmox"))?.[1];
  if (full === undefined) throw new Error("the dump holds no schema of bpg/proxmox");
  const resources = RESOURCE_TYPES.map((type) => {
    const schema = full.resource_schemas[type];
    if (schema === undefined) throw new Error(`the dump holds no resource type ${type}`);
    return [type, schema] as const;
  });
  const pruned = { provider: full.provider, resource_schemas: Object.fromEntries(resources) };
  return { format_version: dump.format_version, provider_schemas: { [SCHEMA_KEY]: pruned } };
}

/** Writes the bindings for the committed schema below `folder` (as `providers/proxmox/...`). */
export async function generateBindings(folder: string): Promise<void> {
  const schema = JSON.parse(readFileSync(SCHEMA_FILE, "utf8")) as SchemaDump;
  const code = new CodeMaker();
  const generator = new TerraformProviderGenerator(code, schema as never);
  const constraint = new TerraformProviderConstraint(PROVIDER_CONSTRAINT);
  generator.generate(ConstructsMakerTarget.from(constraint, Language.TYPESCRIPT));
  await generator.save(folder);
}

async function main(): Promise<void> {
  const from = process.argv.indexOf("--from");
  if (from > 0) {
    const dump = JSON.parse(readFileSync(String(process.argv[from + 1]), "utf8")) as SchemaDump;
    writeFileSync(SCHEMA_FILE, JSON.stringify(pruneSchema(dump), null, 1) + "\n");
  }
  const folder = join(__dirname, "..", ".gen");
  rmSync(folder, { recursive: true, force: true });
  await generateBindings(folder);
}

if (require.main === module) void main();
