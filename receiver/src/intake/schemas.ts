import type { ErrorObject, ValidateFunction } from "ajv";
import Ajv2020 from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { schemas } from "@nexus-pull/contract";

function makeAjv(): Ajv2020 {
  // The first error is enough to repair it, and all of them could be many.
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: false });
  addFormats(ajv);
  for (const schema of Object.values(schemas)) ajv.addSchema(schema);
  return ajv;
}

const ajv = makeAjv();
export const validators = {
  agentEvent: ajv.compile({ $ref: "event.schema.json#/$defs/agentEvent" }),
  roster: ajv.compile({ $ref: "roster.schema.json" }),
};

/** Most times are so; others, as on February 29 or in a leap second, are the whole format's to judge. */
const TIME =
  /^\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?Z$/;

const quick = makeAjv().addFormat("date-time", TIME);

/**
 * Of the schema, what is quickly looked at: one type's branch, no extension attributes, usual times. What keeps this keeps all of
 * it, and most events do; it takes half of the time.
 */
function partOf(type: string): ValidateFunction {
  const { $defs } = schemas.event;
  const { allOf, ...whole } = $defs.agentEvent;
  const branch = allOf.find((one) => one.if.properties.type.const === type);
  if (branch === undefined) return validators.agentEvent;
  const common: Partial<typeof whole> = { ...whole };
  delete common.patternProperties;
  return quick.compile({ $id: `event-${type}.json`, $defs, ...common, allOf: [branch.then] });
}

/** Each made for the first event of its type. */
const parts = new Map<string, ValidateFunction>();

/** Whether the schema holds for an event of this type. What is wrong with one is in the errors of the whole. */
export function isAgentEvent(type: string, value: unknown): boolean {
  let part = parts.get(type);
  if (part === undefined) parts.set(type, (part = partOf(type)));
  return part(value) || validators.agentEvent(value);
}

export function errorsOf(validate: ValidateFunction): { readonly path: string; readonly message: string }[] {
  return (validate.errors ?? []).slice(0, 20).map((error: ErrorObject) => ({
    path: error.instancePath.slice(0, 500),
    message: (error.message ?? error.keyword).slice(0, 500),
  }));
}

const whole = (pattern: string): RegExp => new RegExp(pattern);
export const patterns = {
  fleet: whole(schemas.agentConfig.$defs.fleet.pattern),
  vm: whole(schemas.agentConfig.$defs.vmName.pattern),
  reason: whole(schemas.event.$defs.reason.pattern),
  commit: whole(schemas.agentConfig.$defs.commit.pattern),
  requestId: whole(schemas.event.$defs.requestId.pattern),
  stream: whole(schemas.event.$defs.stream.pattern),
};
