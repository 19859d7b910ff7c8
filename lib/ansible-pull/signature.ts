/** What must carry the signature. */
export type SignedObject = "commit" | "tag";

/** Who must have signed the content before a VM runs it. */
export class Signature {
  /** Nobody: whatever the Git server serves is run. */
  public static none(): Signature {
    return new Signature({ policy: "none", object: "commit" });
  }

  /**
   * An SSH key out of OpenSSH's allowed_signers.
   * @param allowedSigners lines of an allowed_signers file
   * @param object what is signed; default `commit`
   */
  public static sshAllowedSigners(allowedSigners: string[], object: SignedObject = "commit"): Signature {
    return new Signature({ policy: "ssh", object, allowed_signers: `${allowedSigners.join("\n")}\n` });
  }

  /**
   * A GPG key out of a keyring.
   * @param keyring armored public keys
   * @param object what is signed; default `commit`
   */
  public static gpgKeyring(keyring: string, object: SignedObject = "commit"): Signature {
    return new Signature({ policy: "gpg", object, keyring });
  }

  private constructor(
    /** As the agent's configuration has it. @internal */
    public readonly verify: {
      readonly policy: "none" | "ssh" | "gpg";
      readonly object: SignedObject;
      readonly allowed_signers?: string;
      readonly keyring?: string;
    },
  ) {}
}
