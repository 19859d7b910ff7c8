import { createHash } from "node:crypto";
import { TerraformLocal, TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { lazyExpression, local } from "./expressions";
import { escapeDocument, escapeLiteral } from "./literals";

/** A document kept as a local. */
export interface DocumentLocal {
  /** Its name in expressions, `local.NAME`; asked for at synthesis, when names are final. */
  readonly name: string;
}

/** Keeps a document as a local of the stack; long literals in it are shared with every other document of the stack. */
export function documentLocal(scope: Construct, id: string, document: unknown): DocumentLocal {
  const stack = TerraformStack.of(scope);
  return named(
    new TerraformLocal(
      scope,
      id,
      escapeDocument(document, (part) => shareLong(stack, part)),
    ),
  );
}

function named(element: TerraformLocal): DocumentLocal {
  return {
    get name(): string {
      return local(element);
    },
  };
}

// Below this a reference would be no shorter than the text.
const SHARE_FROM = 160;

// The agent, unit files, certificates and the seed script are the same for every VM of a stack: each stands there once.
function shareLong(stack: TerraformStack, literal: string): string {
  if (literal.length < SHARE_FROM) return escapeLiteral(literal);
  const id = `nexus-pull-text-${createHash("sha256").update(literal).digest("hex").slice(0, 16)}`;
  const existing = stack.node.tryFindChild(id) as TerraformLocal | undefined;
  const shared = existing ?? new TerraformLocal(stack, id, escapeLiteral(literal));
  return lazyExpression(() => local(shared));
}
