import type { SeedDelivery } from "./delivery";

/** A web server that the VM learns of by its SMBIOS serial. @internal */
export function urlDelivery(url: string): SeedDelivery {
  return {
    network: "nobody",
    references: { volumes: [], url },
    deliver: () => ({ smbiosSerial: `ds=nocloud;s=${url}`, dependsOn: [] }),
  };
}
