import { TerraformDataSource, TerraformStack, type TerraformProvider } from "cdktf";
import type { Construct } from "constructs";
import { CLUSTER_VMS_TYPE } from "./resource-types";

const ID = "nexus-pull-cluster-vms";

/**
 * The VMs of the cluster, read once a plan for a whole stack and provider. A token sees those that it may audit, and of a
 * node that is down none.
 *
 * @returns the list's name in expressions, asked for at synthesis
 */
export function clusterVms(scope: Construct, provider: TerraformProvider | undefined): () => string {
  const stack = TerraformStack.of(scope);
  const id = provider === undefined ? ID : `${ID}-${provider.node.addr}`;
  const existing = stack.node.tryFindChild(id) as TerraformDataSource | undefined;
  const source = existing ?? new TerraformDataSource(stack, id, { terraformResourceType: CLUSTER_VMS_TYPE, provider });
  return () => `data.${CLUSTER_VMS_TYPE}.${source.friendlyUniqueId}.vms`;
}
