import { DefaultTokenResolver, StringConcat, TerraformStack, TerraformVariable, Token, Tokenization } from "cdktf";
import type { IConstruct } from "constructs";
import type { Finding } from "../errors";
import type { NexusVmPullProps } from "../props";
import { SECRET_PROPS } from "./rules/secrets";

/** Secrets that are the value of a variable which is not marked as sensitive. */
export function findOpenVariables(scope: IConstruct, props: NexusVmPullProps): Finding[] {
  return SECRET_PROPS.flatMap(([prop, value]): Finding[] => {
    const variable = variableOf(scope, value(props));
    return variable === undefined || variable.sensitive === true
      ? []
      : [
          {
            code: "secret_not_sensitive",
            prop,
            got: `the variable ${variable.friendlyUniqueId}, which is not sensitive`,
          },
        ];
  });
}

function variableOf(scope: IConstruct, secret: string | undefined): TerraformVariable | undefined {
  if (secret === undefined || !Token.isUnresolved(secret)) return undefined;
  const resolver = new DefaultTokenResolver(new StringConcat());
  const text: unknown = Tokenization.resolve(secret, { scope, resolver, preparing: false });
  const name = /^\$\{var\.([\w-]+)\}$/.exec(String(text))?.[1];
  return TerraformStack.of(scope)
    .node.findAll()
    .find((node): node is TerraformVariable => node instanceof TerraformVariable && node.friendlyUniqueId === name);
}
