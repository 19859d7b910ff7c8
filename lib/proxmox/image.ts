import { createHash } from "node:crypto";
import {
  DefaultTokenResolver,
  type ITerraformDependable,
  StringConcat,
  TerraformStack,
  type TerraformProvider,
  Tokenization,
} from "cdktf";
import type { Construct } from "constructs";
import { ProxmoxDownloadFile } from "./resource-types";

/** Options of an image by address. One of `sha256`, `sha512` and `unverified` is needed. */
export interface UrlImageOptions {
  /**
   * SHA-256 of the file, in lower-case hex.
   * @default - none
   */
  readonly sha256?: string;
  /**
   * SHA-512 of the file, in lower-case hex.
   * @default - none
   */
  readonly sha512?: string;
  /**
   * Take whatever the address serves at that moment: who can answer for it is root in the VM.
   * @default false
   */
  readonly unverified?: boolean;
  /**
   * Storage with content type `import`.
   * @default "local"
   */
  readonly datastore?: string;
  /**
   * Format of the file: `qcow2`, `raw` or `vmdk`.
   * @default - by the address's ending; `qcow2` for `.img`
   */
  readonly format?: "qcow2" | "raw" | "vmdk";
  /**
   * Smallest disk that the image fits on, in GiB: Proxmox refuses to shrink a disk when the VM is there already.
   * @default 10
   */
  readonly minimumDiskGiB?: number;
  /**
   * Whether the node checks the server's certificate.
   * @default true
   */
  readonly verifyTls?: boolean;
}

/** An image that is on a storage already. */
export interface ExistingImageOptions {
  /**
   * Smallest disk that the image fits on, in GiB.
   * @default 10
   */
  readonly minimumDiskGiB?: number;
}

/** What an image is. @internal */
export interface ImageSpec {
  readonly url?: string;
  readonly volume?: string;
  readonly checksum?: string;
  readonly checksumAlgorithm?: "sha256" | "sha512";
  readonly unverified: boolean;
  readonly datastore: string;
  readonly format: string;
  readonly minimumDiskGiB: number;
  readonly verifyTls: boolean;
}

/** Where an image is used. @internal */
export interface ImageContext {
  readonly scope: Construct;
  readonly nodeName: string;
  readonly provider?: TerraformProvider;
}

/** What a disk is imported from. @internal */
export interface ImageBinding {
  /** Volume id. */
  readonly importFrom: string;
  readonly dependsOn: ITerraformDependable[];
}

/** The largest among the usual cloud images: Rocky Linux's. Debian's is 3 GiB, Ubuntu's 3.5 GiB. */
const USUAL_MINIMUM_GIB = 10;

/** A disk image that a VM is made from, instead of a template. A changed image reaches new VMs only. */
export class Image {
  /**
   * An image that the Proxmox node downloads by itself: once a node and storage, for all VMs of the stack.
   * Needs Sys.AccessNetwork on the node and Datastore.AllocateTemplate on the storage.
   *
   * @param url http or https address; its content must be what the checksum says
   */
  public static url(url: string, options: UrlImageOptions): Image {
    const { sha256, sha512 } = options;
    const checksumAlgorithm = sha512 !== undefined ? "sha512" : sha256 !== undefined ? "sha256" : undefined;
    return new Image({
      url,
      checksum: sha512 ?? sha256,
      checksumAlgorithm,
      unverified: options.unverified ?? false,
      datastore: options.datastore ?? "local",
      format: options.format ?? formatOf(url),
      minimumDiskGiB: options.minimumDiskGiB ?? USUAL_MINIMUM_GIB,
      verifyTls: options.verifyTls ?? true,
    });
  }

  /**
   * An image that somebody else keeps on a storage.
   *
   * @param volume its id, for example `local:import/debian-13-genericcloud-amd64.qcow2`
   */
  public static existing(volume: string, options: ExistingImageOptions = {}): Image {
    return new Image({
      volume,
      unverified: false,
      datastore: volume.split(":")[0] ?? "",
      format: formatOf(volume),
      minimumDiskGiB: options.minimumDiskGiB ?? USUAL_MINIMUM_GIB,
      verifyTls: true,
    });
  }

  private constructor(
    /** @internal */
    public readonly spec: ImageSpec,
  ) {}

  /** Makes the download, unless the stack has it already. @internal */
  public bind({ scope, nodeName, provider }: ImageContext): ImageBinding {
    const { volume, url, datastore } = this.spec;
    if (url === undefined) return { importFrom: volume ?? "", dependsOn: [] };
    const stack = TerraformStack.of(scope);
    // The node may be a variable: its reference, not the token's number, names the download.
    const node = String(resolved(stack, nodeName));
    const hash = shortHash(JSON.stringify([this.spec, node, provider?.fqn]));
    const id = `nexus-pull-image-${hash}`;
    const fileName = `nexus-pull-${stack.node.id}-${hash}.${this.spec.format}`.replace(/[^A-Za-z0-9._-]/g, "-");
    const existing = stack.node.tryFindChild(id) as ProxmoxDownloadFile | undefined;
    const download = existing ?? this.download(stack, id, { fileName, nodeName, provider });
    // A literal id: an image that is replaced must not make the disk's source unknown in every VM.
    return { importFrom: `${datastore}:import/${fileName}`, dependsOn: [download] };
  }

  private download(
    stack: TerraformStack,
    id: string,
    place: { fileName: string; nodeName: string; provider?: TerraformProvider },
  ): ProxmoxDownloadFile {
    const { url, checksum, checksumAlgorithm, datastore, verifyTls } = this.spec;
    return new ProxmoxDownloadFile(stack, id, {
      contentType: "import",
      datastoreId: datastore,
      url: url ?? "",
      checksum,
      checksumAlgorithm,
      // With true every plan asks the server for the file's size, and a change there deletes the good image first.
      overwrite: false,
      verify: verifyTls,
      ...place,
      // The name follows from the content: the new image is there before the old one goes, and a folder that becomes
      // empty takes a running download with it.
      lifecycle: { createBeforeDestroy: true },
    });
  }
}

/** The text that stands in the JSON for a value that may be a token. */
function resolved(stack: TerraformStack, value: string): unknown {
  const resolver = new DefaultTokenResolver(new StringConcat());
  return Tokenization.resolve(value, { scope: stack, resolver, preparing: false });
}

function formatOf(name: string): "qcow2" | "raw" | "vmdk" {
  const ending = /\.(qcow2|raw|vmdk)(?:\?.*)?$/i.exec(name)?.[1]?.toLowerCase();
  return (ending as "qcow2" | "raw" | "vmdk" | undefined) ?? "qcow2";
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
