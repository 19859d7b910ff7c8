import type { ITerraformDependable, TerraformProvider } from "cdktf";
import type { Construct } from "constructs";
import { lazyExpression } from "../opentofu/expressions";
import { SNIPPET_LIMIT_BYTES } from "./size";
import type { ChangePolicy } from "../change-policy";
import { ProxmoxFile } from "../proxmox/resource-types";

/** What a seed is delivered from. @internal */
export interface SeedContext {
  readonly scope: Construct;
  readonly fleet: string;
  readonly name: string;
  readonly nodeName: string;
  /** The cloud-config and the meta-data: OpenTofu expressions of the texts, asked for at synthesis. */
  readonly userData: () => string;
  readonly metaData: () => string;
  readonly changePolicy: ChangePolicy;
  readonly provider?: TerraformProvider;
}

/** What a delivered seed means for the VM. @internal */
export interface SeedBinding {
  /** Volumes for Proxmox's own cloud-init drive; nothing when the seed comes another way. */
  readonly drive?: { readonly userDataFileId: string; readonly metaDataFileId?: string };
  /** SMBIOS serial that tells cloud-init where its seed is. */
  readonly smbiosSerial?: string;
  readonly dependsOn: ITerraformDependable[];
}

/** Options of a seed in Proxmox snippets. */
export interface SnippetSeedOptions {
  /**
   * Storage with content type `snippets`.
   * @default "local"
   */
  readonly datastore?: string;
  /**
   * Node through which the snippets are written; with shared storage any will do.
   * @default - the VM's node
   */
  readonly nodeName?: string;
}

/** Snippets that are on the storage already. */
export interface ExistingSeedOptions {
  /** Volume id of the user-data, for example `local:snippets/nexus-01.yaml`. */
  readonly userData: string;
  /**
   * Volume id of the meta-data; it pins the instance-id.
   * @default - Proxmox derives an instance-id that changes with the user-data
   */
  readonly metaData?: string;
}

/** How the cloud-init seed reaches a VM. */
export abstract class Seed {
  /**
   * As snippets that OpenTofu uploads. The provider writes them over SSH to the node, because Proxmox's API takes none.
   */
  public static snippet(options: SnippetSeedOptions = {}): Seed {
    return new SnippetSeed(options);
  }

  /**
   * As snippets that somebody else keeps. The construct uploads nothing; its `userData` is what belongs in there.
   */
  public static existingSnippet(options: ExistingSeedOptions): Seed {
    return new ExistingSeed(options);
  }

  /**
   * From a web server of your own, named to the VM by its SMBIOS serial. Needs cloud-init >= 24.1 in the image.
   * @param url https (or http) address of a folder with user-data and meta-data, ending in `/`
   */
  public static url(url: string): Seed {
    return new UrlSeed(url);
  }

  /** Whether Proxmox builds the seed, and so delivers addresses and resolver. @internal */
  public abstract readonly byProxmox: boolean;
  /** Volume ids and addresses to check. @internal */
  public abstract readonly references: { readonly volumes: string[]; readonly url?: string };
  /** Delivers the seed. @internal */
  public abstract bind(context: SeedContext): SeedBinding;
}

class SnippetSeed extends Seed {
  public readonly byProxmox = true;
  public readonly references = { volumes: [] };

  public constructor(private readonly options: SnippetSeedOptions) {
    super();
  }

  public bind(context: SeedContext): SeedBinding {
    const datastore = this.options.datastore ?? "local";
    const upload = (kind: "user-data" | "meta-data", data: () => string) => {
      const fileName = `nexus-pull-${context.fleet}-${context.name}-${kind}.yaml`;
      const file = new ProxmoxFile(context.scope, kind, {
        contentType: "snippets",
        datastoreId: datastore,
        nodeName: this.options.nodeName ?? context.nodeName,
        sourceRaw: { data: lazyExpression(data), fileName },
        provider: context.provider,
        lifecycle: { precondition: [withinLimit(data, fileName)] },
      });
      // The provider gives a changed snippet a new, unknown id; the VM names the file by a literal, so that an edited
      // seed replaces the file and never the VM.
      const literal = `${datastore}:snippets/${fileName}`;
      return { file, id: context.changePolicy.kind === "replace" ? file.id : literal };
    };
    const user = upload("user-data", context.userData);
    const meta = upload("meta-data", context.metaData);
    return { drive: { userDataFileId: user.id, metaDataFileId: meta.id }, dependsOn: [user.file, meta.file] };
  }
}

// OpenTofu counts characters, Proxmox bytes: base64 has four characters for three bytes.
const LIMIT_BASE64 = Math.ceil(SNIPPET_LIMIT_BYTES / 3) * 4;

function withinLimit(data: () => string, fileName: string) {
  return {
    condition: lazyExpression(() => `length(base64encode(${data()})) <= ${LIMIT_BASE64}`),
    errorMessage: `seed_too_large: ${fileName} is above Proxmox's limit of 1 MiB for a snippet; move files to the Git repository.`,
  };
}

class ExistingSeed extends Seed {
  public readonly byProxmox = true;
  public readonly references;

  public constructor(private readonly options: ExistingSeedOptions) {
    super();
    this.references = { volumes: [options.userData, ...(options.metaData === undefined ? [] : [options.metaData])] };
  }

  public bind(): SeedBinding {
    return { drive: { userDataFileId: this.options.userData, metaDataFileId: this.options.metaData }, dependsOn: [] };
  }
}

class UrlSeed extends Seed {
  public readonly byProxmox = false;
  public readonly references;

  public constructor(private readonly url: string) {
    super();
    this.references = { volumes: [], url };
  }

  public bind(): SeedBinding {
    return { smbiosSerial: `ds=nocloud;s=${this.url}`, dependsOn: [] };
  }
}
