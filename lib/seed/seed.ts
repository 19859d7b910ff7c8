import type { SeedDelivery } from "./delivery";
import { existingDelivery, type ExistingSeedOptions } from "./existing";
import { isoDelivery, type IsoSeedOptions } from "./iso";
import { snippetDelivery, type SnippetSeedOptions } from "./snippet";
import { urlDelivery } from "./url";

/** How the cloud-init seed reaches a VM. */
export class Seed {
  /**
   * As snippets that OpenTofu uploads. The provider writes them over SSH to the node, because Proxmox's API takes none, to a
   * storage with content type `snippets`, which no installation enables. A VM adopts new settings when Proxmox starts it.
   */
  public static snippet(options: SnippetSeedOptions = {}): Seed {
    return new Seed(snippetDelivery(options));
  }

  /**
   * As a NoCloud image that the API takes: no SSH to a node. New settings reach a running VM, since Proxmox changes the
   * medium at once. An image on storage of one node keeps Proxmox from migrating the VM to another.
   */
  public static iso(options: IsoSeedOptions = {}): Seed {
    return new Seed(isoDelivery(options));
  }

  /**
   * As snippets that somebody else keeps. The construct uploads nothing; its `userData` is what belongs in there.
   */
  public static existingSnippet(options: ExistingSeedOptions): Seed {
    return new Seed(existingDelivery(options));
  }

  /**
   * From a web server of your own, named to the VM by its SMBIOS serial. Needs cloud-init >= 24.1 in the image.
   * @param url https (or http) address of a folder with user-data and meta-data, ending in `/`
   */
  public static url(url: string): Seed {
    return new Seed(urlDelivery(url));
  }

  private constructor(
    /** @internal */
    public readonly spec: SeedDelivery,
  ) {}
}
