// Everything that an agent may say, with markup in each text that the contract's schemas let it into: found by walking the
// schemas, so that a field of tomorrow is among them.
import addFormats from "ajv-formats";
import Ajv2020 from "ajv/dist/2020";
import { schemas } from "@nexus-pull/contract";

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
}
type Json = Readonly<Record<string, unknown>>;

/** Each calls `attacks.push(n)` when a browser runs it, or makes an element of the id `attack-n`. */
const FORMS: readonly ((n: number) => string)[] = [
  (n) => `<img id=attack-${n} src=x onerror="attacks.push(${n})">`,
  (n) =>
    `"'></pre></textarea></style><script>attacks.push(${n})</script><iframe id=attack-${n} srcdoc="<script>parent.attacks.push(${n})</script>">`,
  (n) => `javascript:attacks.push(${n})//<a id=attack-${n} href="javascript:attacks.push(${n})">x</a>`,
  (n) => `<svg/onload=attacks.push(${n})>`,
  (n) => `javascript:attacks.push(${n})`,
  (n) => `<b id=attack-${n}>`,
  (n) => `<i id=a${n}>`,
];
export const FORM_COUNT = FORMS.length;

/** What a text must be that no markup fits. */
const PLAIN = [
  ...["task_failed", "git", "run-1", "192.0.2.10", "2026-01-01T00:00:00Z", "/fleets/dev/vms/vm"],
  ...[32, 40, 64].map((length) => "a".repeat(length)),
  "5f0c6f0a-3a0e-4c0b-9d86-0d5a1c2b3e4f",
];

const ajv = new Ajv2020({ strict: false });
addFormats(ajv);
for (const schema of Object.values(schemas)) ajv.addSchema(schema);

function resolved(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const [file, path = ""] = schema.$ref.split("#");
  const whole = Object.values(schemas).find(({ $id }) => $id === (file === "" ? "event.schema.json" : file));
  const found = path
    .split("/")
    .slice(1)
    .reduce<unknown>((at, name) => (at as Json)[name], whole);
  return resolved(found as Schema);
}

const DEFS = schemas.event.$defs as unknown as Readonly<Record<string, Schema>>;
const DATA_OF = new Map(
  schemas.event.$defs.agentEvent.allOf.map(({ if: when, then }) => [
    when.properties.type.const,
    then.properties.data as Schema,
  ]),
);
/** Types that an agent sends, in the order of a life. */
export const TYPES: readonly string[] = [...DATA_OF.keys()];

/** Texts of which each is another. */
export class Markup {
  /** What a number stands for: the type of the event, and the way to the text. */
  public readonly places: string[] = [];
  private readonly fits = new Map<Schema, (text: string) => boolean>();

  private place(name: string): number {
    return this.places.push(name) - 1;
  }

  /** Markup of a form, for a text that the contract does not limit. */
  public text(form: number, name: string): string {
    return FORMS[form]?.(this.place(name)) ?? "";
  }

  /** Of the first form that the schema lets through, the given one first; undefined where it lets none through. */
  public through(schema: Schema, form: number, name: string): string | undefined {
    const validate = this.fits.get(schema) ?? (ajv.compile(schema) as (text: string) => boolean);
    this.fits.set(schema, validate);
    const n = this.places.length;
    const found = [...FORMS.slice(form), ...FORMS.slice(0, form)].map((make) => make(n)).find(validate);
    if (found !== undefined) this.place(name);
    return found;
  }

  private string(schema: Schema, form: number, name: string): string {
    const text = this.through(schema, form, name) ?? PLAIN.find(this.fits.get(schema) as (text: string) => boolean);
    if (text === undefined) throw new Error(`${name}: neither markup nor a plain text fits ${JSON.stringify(schema)}`);
    return text;
  }

  private value(given: Schema, form: number, name: string): unknown {
    const schema = resolved(given);
    if (schema.const !== undefined || schema.enum !== undefined) return schema.const ?? schema.enum?.[0];
    if (schema.type === "object") return this.object(schema, form, name);
    if (schema.type === "array") return [this.value(schema.items ?? {}, form, `${name}[]`)];
    if (schema.type === "string") return this.string(schema, form, name);
    if (schema.type === "boolean") return true;
    if (schema.type === "integer" || schema.type === "number") return Math.max(1, schema.minimum ?? 1);
    if (schema.anyOf !== undefined) return this.value(schema.anyOf[0] ?? {}, form, name);
    throw new Error(`${name}: what does ${JSON.stringify(schema)} want?`);
  }

  private object({ properties = {}, patternProperties = {} }: Schema, form: number, name: string): Json {
    const all = Object.entries(properties).map(([key, one]) => [key, this.value(one, form, `${name}.${key}`)]);
    const [other] = Object.values(patternProperties);
    if (other !== undefined) all.push(["tracestate", this.value(other, form, `${name}.tracestate`)]);
    return Object.fromEntries(all) as Json;
  }

  /** An event of an agent with everything in it that its type may have, and what only a newer agent knows. */
  public event(type: string, form: number, identity: Json): Json {
    const { properties = {}, patternProperties } = DEFS["agentEvent"] ?? {};
    const outside = Object.entries(properties).filter(([key]) => key !== "data" && key !== "type");
    const beside = this.object({ properties: Object.fromEntries(outside), patternProperties }, form, type);
    const general = this.object(resolved(DEFS["agentData"] ?? {}), form, type);
    const own = this.object(resolved(DATA_OF.get(type) ?? {}), form, type);
    const unknown = { newer: this.text(form, `${type}.newer`), [this.text(form, `${type}.<key>`)]: 1 };
    const data = { ...general, ...own, ...unknown, ...identity };
    const { fleet, vm, stream, seq } = data as Json;
    return {
      ...beside,
      type,
      id: `${String(stream)}-${String(seq)}`,
      source: `/fleets/${String(fleet)}/vms/${String(vm)}`,
      data,
    };
  }
}

/** The schema of a roster's ref: a text of an operator's that pages show. */
export const REF = resolved(resolved(DEFS["vmExpectedData"] ?? {}).properties?.["ref"] ?? {});
