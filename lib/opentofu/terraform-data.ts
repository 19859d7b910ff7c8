import { TerraformResource, type TerraformMetaArguments } from "cdktf";
import type { Construct } from "constructs";

/** A resource of OpenTofu's own: it only keeps its input. */
export interface TerraformDataConfig extends TerraformMetaArguments {
  /** What is kept; a change updates it in place. */
  readonly input: Record<string, string>;
}

/**
 * `terraform_data`. Not cdktf's DataResource: that one runs `terraform version` for each resource at synthesis, which fails
 * where no such program is installed and takes 70 ms a VM where it is.
 */
export class TerraformData extends TerraformResource {
  private readonly input: Record<string, string>;

  public constructor(scope: Construct, id: string, { input, ...config }: TerraformDataConfig) {
    super(scope, id, { ...config, terraformResourceType: "terraform_data" });
    this.input = input;
  }

  /** @internal */
  protected override synthesizeAttributes(): Record<string, unknown> {
    return { input: this.input };
  }
}
