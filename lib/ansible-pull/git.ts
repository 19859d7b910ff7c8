import type { Signature } from "./signature";

/** Options of every Git source. */
export interface GitOptions {
  /**
   * Branch or tag to follow. A branch may only move forward.
   * @default "main", or none when `commit` is given
   */
  readonly ref?: string;
  /**
   * Full id of one commit to stay at; also the way back to an older one.
   * @default - the tip of `ref`
   */
  readonly commit?: string;
  /**
   * Who must have signed what is run; checked before anything is checked out.
   * @default Signature.none()
   */
  readonly signature?: Signature;
  /**
   * Collections and roles to install before a run: a requirements file in the repository.
   * @default - none are installed
   */
  readonly requirements?: string;
}

/** Options of a source over https. */
export interface GitHttpsOptions extends GitOptions {
  /**
   * Access token: the value of a sensitive variable. An empty value means a public repository.
   * It travels in the seed, so it can be read in the state and on the node; give it read access to one repository.
   * @default - a public repository, or the token that `vault` reads
   */
  readonly token?: string;
  /**
   * User name that goes with the token.
   * @default "x-access-token"
   */
  readonly username?: string;
  /**
   * PEM certificates of the Git server's own authority, beside the system's.
   * @default - the system's
   */
  readonly caCertificate?: string;
  /**
   * Whether plain http without a signature is accepted: whoever is on the way then decides what the VM runs as root.
   * @default false
   */
  readonly insecureHttp?: boolean;
}

/** Options of a source over ssh. */
export interface GitSshOptions extends GitOptions {
  /**
   * Private key: the value of a sensitive variable. It travels in the seed.
   * @default - the key that `vault` reads
   */
  readonly deployKey?: string;
  /** Lines of known_hosts (`ssh-keyscan HOST`). There is no trust on first use. */
  readonly knownHosts: string[];
}

/** What a source is made of. @internal */
export interface GitSource extends GitOptions {
  readonly kind: "https" | "ssh";
  readonly url: string;
  readonly token?: string;
  readonly username?: string;
  readonly caCertificate?: string;
  readonly insecureHttp?: boolean;
  readonly deployKey?: string;
  readonly knownHosts: string[];
}

/** The Ansible repository that a VM pulls from. */
export class Git {
  /**
   * A repository over https.
   * @param url address without credentials, for example https://git.example/ops/ansible.git; may be a token
   */
  public static https(url: string, options: GitHttpsOptions = {}): Git {
    return new Git({ ...options, kind: "https", url, knownHosts: [] });
  }

  /**
   * A repository over ssh, as ssh://git@host/path or git@host:path.
   */
  public static ssh(url: string, options: GitSshOptions): Git {
    return new Git({ ...options, kind: "ssh", url });
  }

  private constructor(
    /** @internal */
    public readonly source: GitSource,
  ) {}

  /** The branch or tag that is followed; nothing when a commit is pinned and no ref is given. */
  public get ref(): string | undefined {
    return this.source.ref ?? (this.source.commit === undefined ? "main" : undefined);
  }

  /** What a VM is meant to run: the pinned commit, else the ref. */
  public get intended(): string {
    return this.source.commit ?? this.ref ?? "main";
  }
}
