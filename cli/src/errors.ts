import { EXIT } from "./exit-codes";

/** A message for the user: what is wrong, what was got, and what to do. Printed without a stack. */
export class CliError extends Error {
  public override readonly name = "CliError";

  public constructor(
    public readonly code: string,
    message: string,
    /** What to do about it. */
    public readonly remedy: string,
    public readonly exit: number = EXIT.usage,
  ) {
    super(message);
  }
}
