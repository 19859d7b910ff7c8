import type { ErrorObject, ValidateFunction } from "ajv";
import Ajv2020 from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { schemas } from "../../../contract";

function compile(): { readonly agentEvent: ValidateFunction; readonly roster: ValidateFunction } {
  // The first error is enough to repair it, and all of them could be many.
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: false });
  addFormats(ajv);
  for (const schema of Object.values(schemas)) ajv.addSchema(schema);
  return {
    agentEvent: ajv.compile({ $ref: "event.schema.json#/$defs/agentEvent" }),
    roster: ajv.compile({ $ref: "roster.schema.json" }),
  };
}

export const validators = compile();

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
};
