import { TerraformBackend, type TerraformStack } from "cdktf";
import { report } from "../validation/report";

/** The backend that the stack already has, after reporting that there cannot be a second one. */
export function existingBackend(stack: TerraformStack): TerraformBackend | undefined {
  const found = stack.node.findAll().find((construct) => TerraformBackend.isBackend(construct));
  if (found === undefined) return undefined;
  report(stack, [{ code: "backend_duplicate", prop: "backend", got: "a second one" }]);
  return found as TerraformBackend;
}
