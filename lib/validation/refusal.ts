import { TerraformResource, TerraformVariable } from "cdktf";
import type { Construct } from "constructs";
import { escapeLiteral } from "../opentofu/literals";

const NAME = "nexus_pull_findings";

/**
 * What a tree with findings becomes when it is synthesized all the same (`skipValidation`, `Testing.synth`,
 * `stack.toTerraform()`): a variable that no value satisfies, which every resource of the stack asks for. So nothing of it
 * has a plan, targeted or not, and the findings are the message. A destroy takes nothing from the input, and goes.
 */
export class Refusal extends TerraformVariable {
  public constructor(
    stack: Construct,
    /** One line a finding; asked for at synthesis, when the whole tree is built. */
    private readonly findings: () => readonly string[],
  ) {
    super(stack, "nexus-pull-findings", { type: "string", default: "" });
    this.overrideLogicalId(NAME);
  }

  public override synthesizeAttributes(): Record<string, unknown> {
    return { ...super.synthesizeAttributes(), validation: [this.rule] };
  }

  private get rule(): { readonly condition: string; readonly error_message: string } {
    const lines = ["This stack was synthesized although its input cannot be used:", ...this.findings()];
    return { condition: `\${var.${NAME} != var.${NAME}}`, error_message: escapeLiteral(lines.join("\n")) };
  }

  public override toTerraform(): unknown {
    return { ...super.toTerraform(), resource: this.conditions() };
  }

  /** One more precondition for each resource: cdktf merges what its elements say of the same block, and appends to lists. */
  private conditions(): Record<string, Record<string, unknown>> {
    const conditions: Record<string, Record<string, unknown>> = {};
    for (const resource of this.cdktfStack.node.findAll()) {
      if (!TerraformResource.isTerraformResource(resource)) continue;
      const ofType = (conditions[resource.terraformResourceType] ??= {});
      ofType[resource.friendlyUniqueId] = { lifecycle: { precondition: [this.rule] } };
    }
    return conditions;
  }
}
