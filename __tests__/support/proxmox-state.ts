// A state as it is after an apply, made from the plan that would lead there: what only Proxmox knows is filled in.
import type { TofuFolder } from "./tofu";

type Attributes = Record<string, unknown>;

interface PlannedResource {
  readonly address: string;
  readonly type: string;
  readonly name: string;
  readonly provider_name: string;
  readonly index?: number;
  readonly change: {
    readonly actions: string[];
    readonly after: Attributes | null;
    readonly after_unknown: Attributes;
    readonly after_sensitive: unknown;
  };
}

export interface Plan {
  readonly resource_changes: readonly PlannedResource[];
  readonly configuration: {
    readonly root_module: { readonly resources: { readonly address: string; readonly provider_config_key: string }[] };
  };
}

interface Type {
  readonly attributes?: Record<string, { readonly type: unknown }>;
  readonly block_types?: Record<string, { readonly block: Type }>;
}

export interface Schemas {
  readonly provider_schemas: Record<string, { readonly resource_schemas: Record<string, { readonly block: Type }> }>;
}

/** What the provider writes where the plan says "known after apply". */
function filled(planned: Attributes, unknown: Attributes, block: Type, id: number): Attributes {
  const result: Attributes = { ...planned };
  for (const [name, { type }] of Object.entries(block.attributes ?? {})) {
    const given = planned[name] ?? null;
    result[name] =
      unknown[name] === undefined || unknown[name] === false ? given : fill(name, type, given, unknown[name], id);
  }
  for (const [name, { block: inner }] of Object.entries(block.block_types ?? {})) {
    // A block that only Proxmox fills in (vga) is planned as unknown as a whole: there is none of it.
    const blocks = (unknown[name] === true ? [] : (planned[name] ?? [])) as Attributes[];
    const open = (Array.isArray(unknown[name]) ? unknown[name] : []) as Attributes[];
    result[name] = blocks.map((one, index) => filled(one, open[index] ?? {}, inner, id));
  }
  return result;
}

function fill(name: string, type: unknown, given: unknown, unknown: unknown, id: number): unknown {
  if (name === "triggers") return { ...(given as object), ...openTriggers(unknown, id) };
  if (unknown !== true && !isObjects(type)) return given;
  if (unknown !== true && Array.isArray(given)) {
    // Attributes as blocks (network_device): a list of objects with unknown members.
    const members = (type as [string, [string, Record<string, unknown>]])[1][1];
    return (given as Attributes[]).map((one, index) =>
      Object.fromEntries(
        Object.entries(members).map(([member, inner]) => {
          const open = (unknown as Attributes[])[index]?.[member];
          return [member, open === true ? fill(member, inner, null, true, id) : (one[member] ?? null)];
        }),
      ),
    );
  }
  if (name === "id" || name === "vm_id") return type === "number" ? id : `${id}`;
  if (name === "mac_address") return `BC:24:11:00:00:${id.toString(16).slice(-2).toUpperCase()}`;
  if (name === "enabled") return true;
  if (type === "string") return "";
  if (type === "number") return 0;
  if (type === "bool") return false;
  return [];
}

const openTriggers = (unknown: unknown, id: number): object =>
  Object.fromEntries(Object.keys(unknown as object).map((key) => [key, `${id}`]));

// ["list", ["object", members]]: an attribute that is written as blocks.
const isObjects = (type: unknown): boolean => Array.isArray(type) && Array.isArray(type[1]) && type[1][0] === "object";

type Step = { readonly type: "get_attr" | "index"; readonly value: unknown };

/** Where a plan says that a value is sensitive; without it in the state every such value would be planned as changed. */
function sensitivePaths(marks: unknown, inMap: boolean): Step[][] {
  if (marks === true) return [[]];
  if (marks === null || typeof marks !== "object") return [];
  return Object.entries(marks).flatMap(([key, inner]) => {
    const index = Array.isArray(marks) ? { value: Number(key), type: "number" } : { value: key, type: "string" };
    const step: Step =
      Array.isArray(marks) || inMap ? { type: "index", value: index } : { type: "get_attr", value: key };
    return sensitivePaths(inner, key === "triggers").map((rest) => [step, ...rest]);
  });
}

/** The state of `plan`, to be written as terraform.tfstate beside its configuration. */
export function stateAfter(plan: Plan, schemas: Schemas): unknown {
  // What tells the receiver of an end holds a MAC over ids: it is left out, and planned anew each time.
  const kept = plan.resource_changes.filter(({ type }) => type !== "terraform_data");
  const resources = kept.map((resource, position) => {
    const { type, name, provider_name, index, change } = resource;
    const block = schemas.provider_schemas[provider_name]?.resource_schemas[type]?.block ?? {};
    // The same id for every null_resource, as others' triggers hold it.
    const id = type === "null_resource" ? 1 : 100 + position;
    const attributes = filled(change.after ?? {}, change.after_unknown, block, id);
    return {
      mode: "managed",
      type,
      name,
      provider: `provider["${provider_name}"]`,
      instances: [
        {
          ...(index === undefined ? {} : { index_key: index }),
          schema_version: 0,
          attributes,
          sensitive_attributes: sensitivePaths(change.after_sensitive, false),
        },
      ],
    };
  });
  return { version: 4, terraform_version: "1.10.0", serial: 1, lineage: "made-by-a-test", outputs: {}, resources };
}

/** Plans without asking Proxmox anything. */
export async function planJson(folder: TofuFolder, env: Readonly<Record<string, string>> = {}): Promise<Plan> {
  await folder.run(["plan", "-refresh=false", "-out=plan.out"], { env });
  return JSON.parse(await folder.run(["show", "-json", "plan.out"])) as Plan;
}
