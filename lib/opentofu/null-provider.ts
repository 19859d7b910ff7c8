import { NullProvider } from "@cdktf/provider-null/lib/provider";
import { Aspects, type IAspect, TerraformProvider, type TerraformStack } from "cdktf";
import type { Construct, IConstruct } from "constructs";

/**
 * Sees to it that the stack has the null provider, which takes no settings. Decided at synthesis, when everything of the user's
 * is there: two default providers of one kind would be refused by OpenTofu.
 */
export function useNullProvider(owner: Construct, stack: TerraformStack): void {
  Aspects.of(owner).add(new NullProviderIfMissing(owner, stack));
}

class NullProviderIfMissing implements IAspect {
  public constructor(
    private readonly owner: Construct,
    private readonly stack: TerraformStack,
  ) {}

  public visit(node: IConstruct): void {
    if (node !== this.owner) return;
    const provided = this.stack.node.findAll().some(isDefaultNullProvider);
    if (!provided) new NullProvider(this.owner, "null-provider");
  }
}

function isDefaultNullProvider(node: IConstruct): boolean {
  return (
    TerraformProvider.isTerraformProvider(node) &&
    node.terraformResourceType === NullProvider.tfResourceType &&
    node.alias === undefined
  );
}
