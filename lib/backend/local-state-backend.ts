import { isAbsolute, win32 } from "node:path";
import { LocalBackend, Token, type TerraformBackend, type TerraformStack } from "cdktf";
import { show } from "../errors";
import { guard, report } from "../validation/report";
import { check, type Rule } from "../validation/rule";
import { existingBackend } from "./existing-backend";

/** State in a file. */
export interface LocalStateProps {
  /**
   * Path of the state file, relative to the folder in which OpenTofu runs (`cdktf.out/stacks/<id of the stack>`).
   * @default "../../../terraform.<id of the stack>.tfstate" - beside cdktf.out, so that removing the output loses nothing
   */
  readonly path?: string;
}

/** An absolute path holds on one machine only; a `~` is a folder of that name to OpenTofu. */
export const relativePath: Rule<{ readonly path: string }> = function* ({ path }) {
  if (Token.isUnresolved(path)) return;
  const text = String(path);
  const relative = !isAbsolute(text) && !win32.isAbsolute(text) && !text.startsWith("~");
  if (text !== "" && !/[/\\]$/.test(text) && relative) return;
  yield {
    code: "backend_invalid",
    prop: "path",
    got: show(path),
    expected: "a relative path of a file",
    remedy: "give a path relative to cdktf.out/stacks/<id of the stack>, or leave it out",
  };
};

/**
 * Keeps a stack's state in a file on the machine that runs OpenTofu: for the first hour, and for one person.
 * It has no lock across machines; use S3StateBackend for a team.
 *
 * Synthesis fails with `backend_invalid` or `backend_duplicate`.
 */
export class LocalStateBackend {
  private constructor(
    /** The backend that cdktf synthesizes. */
    public readonly backend: TerraformBackend,
  ) {}

  /**
   * A relative path. Without a backend, cdktf writes an absolute path into the JSON, which no other machine
   * and no second folder can use.
   */
  public static relative(stack: TerraformStack, props: LocalStateProps = {}): LocalStateBackend {
    const path = props.path ?? `../../../terraform.${stack.node.id}.tfstate`;
    guard(stack);
    report(stack, check({ path }, [relativePath]));
    return new LocalStateBackend(existingBackend(stack) ?? new LocalBackend(stack, { path }));
  }
}
