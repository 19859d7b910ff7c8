/** Where one secret is kept. */
export interface VaultField {
  /** API path below /v1/, for example `secret/data/nexus` of a KV v2 engine. */
  readonly path: string;
  /** Key inside the secret. */
  readonly field: string;
}

/** Settings of a Vault or OpenBao server that the VM itself asks. */
export interface VaultAppRoleOptions {
  /** Address of the server, https. */
  readonly address: string;
  /** Role id of the AppRole. */
  readonly roleId: string;
  /**
   * Response-wrapping token of a secret id: the value of a sensitive variable. It works once: a VM that is re-created needs
   * a new one. What it wraps is kept on the VM, for root alone, so that a restart needs none.
   */
  readonly wrappedSecretId: string;
  /**
   * Mount of the AppRole method.
   * @default "approle"
   */
  readonly mount?: string;
  /**
   * Namespace.
   * @default - none
   */
  readonly namespace?: string;
  /**
   * PEM certificates of the server's own authority.
   * @default - the system's
   */
  readonly caCertificate?: string;
  /**
   * Token for the Git source over https.
   * @default - not from Vault
   */
  readonly gitToken?: VaultField;
  /**
   * Deploy key for the Git source over ssh.
   * @default - not from Vault
   */
  readonly deployKey?: VaultField;
  /**
   * Password for ansible-vault.
   * @default - not from Vault
   */
  readonly vaultPassword?: VaultField;
  /**
   * Extra variables, as a JSON or YAML mapping.
   * @default - not from Vault
   */
  readonly extraVars?: VaultField;
}

/** Secrets that a VM fetches itself, so that they are neither in the seed nor in the state. */
export class Vault {
  /** By AppRole with a response-wrapped secret id: the wrapper in the seed is worthless once the VM has used it. */
  public static appRole(options: VaultAppRoleOptions): Vault {
    return new Vault(options);
  }

  private constructor(
    /** @internal */
    public readonly options: VaultAppRoleOptions,
  ) {}
}
