import { type Rejection, rejections } from "@nexus-pull/contract";

const BY_CODE = new Map(rejections.map((rejection) => [rejection.code, rejection]));

export interface RefusalDetails {
  readonly detail?: string;
  /** Of the event in a batch. */
  readonly index?: number;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  readonly candidates?: readonly string[];
  /** Methods that the address knows. */
  readonly allow?: string;
}

/** Something that rejections.json says is refused. */
export class Refusal extends Error {
  public readonly rejection: Rejection;

  public constructor(
    code: string,
    public readonly details: RefusalDetails = {},
  ) {
    const rejection = BY_CODE.get(code);
    if (rejection === undefined) throw new Error(`rejections.json has no code ${code}`);
    super(`${code}: ${details.detail ?? rejection.meaning}`);
    this.name = "Refusal";
    this.rejection = rejection;
  }

  public get code(): string {
    return this.rejection.code;
  }
}
