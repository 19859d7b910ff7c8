/** A user to create on the VM. */
export interface CloudUser {
  /** POSIX user name. */
  readonly name: string;
  /**
   * Keys that may log in.
   * @default - none
   */
  readonly sshAuthorizedKeys?: string[];
  /**
   * Supplementary groups.
   * @default - none
   */
  readonly groups?: string[];
  /**
   * A sudoers rule such as `ALL=(ALL) NOPASSWD:ALL`.
   * @default - none
   */
  readonly sudo?: string;
  /**
   * Login shell.
   * @default "/bin/bash"
   */
  readonly shell?: string;
}

/** One file of cloud-init's write_files. */
export interface CloudConfigFile {
  /** Absolute path, outside nexus-pull's own files. */
  readonly path: string;
  /**
   * Content, as `encoding` says.
   * @default - an empty file
   */
  readonly content?: string;
  /**
   * `text/plain`, `b64`, `gz+b64` ... as cloud-init has it.
   * @default "text/plain"
   */
  readonly encoding?: string;
  /**
   * Mode as octal text, for example `0644`.
   * @default "0644"
   */
  readonly permissions?: string;
  /**
   * `user:group`.
   * @default "root:root"
   */
  readonly owner?: string;
  /**
   * Whether to append.
   * @default false
   */
  readonly append?: boolean;
  /**
   * Whether to write after packages and users exist.
   * @default false
   */
  readonly defer?: boolean;
}

/**
 * Cloud-config of your own, with cloud-init's own keys. Keys that this construct owns (hostname, users, ssh_authorized_keys,
 * the lists of modules ...) are refused with the prop to use instead. `bootcmd` runs after ours.
 */
export interface CloudConfig {
  /**
   * Packages to install.
   * @default - none
   */
  readonly packages?: (string | string[])[];
  /**
   * Whether to refresh the package lists first.
   * @default - cloud-init's own: only when `packages` are to be installed
   */
  readonly package_update?: boolean;
  /**
   * Whether to upgrade all packages.
   * @default false
   */
  readonly package_upgrade?: boolean;
  /**
   * Files to write.
   * @default - none
   */
  readonly write_files?: CloudConfigFile[];
  /**
   * Commands of the first boot. The agent starts whether they succeed or not.
   * @default - none
   */
  readonly runcmd?: (string | string[])[];
  /**
   * Commands of every boot, early.
   * @default - none
   */
  readonly bootcmd?: (string | string[])[];
  /**
   * fstab entries.
   * @default - the image's
   */
  readonly mounts?: string[][];
  /**
   * Certificates to trust.
   * @default - the system's
   */
  readonly ca_certs?: { readonly trusted?: string[]; readonly remove_defaults?: boolean };
  /**
   * apt: sources, proxy and so on.
   * @default - the image's
   */
  readonly apt?: Record<string, unknown>;
  /** Any other key of cloud-init. */
  readonly [key: string]: unknown;
}
