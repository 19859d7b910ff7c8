import type { SeedDelivery } from "./delivery";

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

/** Snippets whose content is somebody else's business. @internal */
export function existingDelivery({ userData, metaData }: ExistingSeedOptions): SeedDelivery {
  return {
    network: "proxmox",
    references: { volumes: [userData, ...(metaData === undefined ? [] : [metaData])] },
    deliver: () => ({ drive: { userDataFileId: userData, metaDataFileId: metaData }, dependsOn: [] }),
  };
}
