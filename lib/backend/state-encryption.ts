import { Token, type TerraformStack } from "cdktf";
import { guard, report } from "../validation/report";
import { check, type Rule } from "../validation/rule";

/** State and plan files encrypted with a passphrase. */
export interface PassphraseEncryptionProps {
  /**
   * Value of a sensitive variable without a default; at least 16 characters. Give it as TF_VAR_<name> in the environment.
   * Whoever loses it loses the state.
   */
  readonly passphrase: string;
  /**
   * Whether OpenTofu refuses to read or write clear text, also when this block is changed later.
   * @default true, or false with `takeOverClearText`
   */
  readonly enforced?: boolean;
  /**
   * Whether a state in clear text is read once more, to be written encrypted by the next apply. Take it out again then.
   * @default false
   */
  readonly takeOverClearText?: boolean;
}

const NAME = "nexus_pull";
const KEY_PROVIDER = `\${key_provider.pbkdf2.${NAME}}`;
// Bare, unlike the keys above: OpenTofu reads a method as an address, not as a template.
const METHOD = `method.aes_gcm.${NAME}`;
const CLEAR_TEXT = "method.unencrypted.take_over";

/** A literal would be written into the JSON, and the JSON into Git. */
export const passphraseIsReference: Rule<PassphraseEncryptionProps> = function* ({ passphrase }) {
  if (isOneReference(passphrase)) return;
  // Never shown: what is wrong about it is that it may be the passphrase.
  yield { code: "secret_literal", prop: "passphrase", got: "a literal" };
};

/** OpenTofu refuses the fallback when clear text is forbidden. */
export const enforcedOrTakeOver: Rule<PassphraseEncryptionProps> = function* ({ enforced, takeOverClearText }) {
  if (enforced !== true || takeOverClearText !== true) return;
  yield {
    code: "encryption_invalid",
    prop: "enforced",
    got: "true beside takeOverClearText",
    expected: "one of the two",
    remedy: "apply once with `takeOverClearText` alone, then replace it by `enforced`",
  };
};

/**
 * Encrypts state and plan files on the machine that runs OpenTofu, before they reach any backend.
 * OpenTofu only: Terraform rejects the block. cdktf knows nothing of it, so it is an override of the stack.
 */
export class StateEncryption {
  private constructor() {}

  /**
   * AES-GCM with a key that PBKDF2 derives from a passphrase.
   *
   * Synthesis fails with `secret_literal` or `encryption_invalid`.
   */
  public static pbkdf2(stack: TerraformStack, props: PassphraseEncryptionProps): void {
    guard(stack);
    const findings = check(props, [passphraseIsReference, enforcedOrTakeOver]);
    report(stack, findings);
    // Nothing is attached then, so that a literal reaches no file even where validation is switched off.
    if (findings.length === 0) stack.addOverride("terraform.encryption", encryptionBlock(props));
  }
}

function encryptionBlock({ passphrase, enforced, takeOverClearText }: PassphraseEncryptionProps): object {
  const takeOver = takeOverClearText === true;
  const target = { method: METHOD, ...((enforced ?? !takeOver) ? { enforced: true } : {}) };
  return {
    key_provider: { pbkdf2: { [NAME]: { passphrase } } },
    method: {
      aes_gcm: { [NAME]: { keys: KEY_PROVIDER } },
      ...(takeOver ? { unencrypted: { take_over: {} } } : {}),
    },
    state: { ...target, ...(takeOver ? { fallback: { method: CLEAR_TEXT } } : {}) },
    plan: target,
  };
}

/** One token or one `${var.name}` and nothing around it, as text beside it would be a part of the passphrase. */
function isOneReference(value: unknown): boolean {
  if (typeof value !== "string") return Token.isUnresolved(value);
  return /^\$\{(TfToken\[[A-Za-z0-9.]+\]|var\.[A-Za-z_][A-Za-z0-9_-]*)\}$/.test(value);
}
