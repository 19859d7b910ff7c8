import { documentLocal } from "../opentofu/document-local";
import { lazyExpression, local, operand, quoted } from "../opentofu/expressions";
import { TerraformLocal } from "cdktf";
import { ProxmoxFile } from "../proxmox/resource-types";
import { isoImage, META_DATA_BYTES, NETWORK_CONFIG_BYTES } from "./iso-image";
import { networkConfig } from "./network-config";
import type { SeedBinding, SeedContext, SeedDelivery } from "./delivery";

/** Options of a seed on an ISO image. */
export interface IsoSeedOptions {
  /**
   * Storage with content type `iso`.
   * @default "local"
   */
  readonly datastore?: string;
  /**
   * Node through which the image is uploaded; with shared storage any will do.
   * @default - the VM's node
   */
  readonly nodeName?: string;
  /**
   * Slot of the CD drive: that of the template's cloud-init drive, if it has one, which is replaced.
   * @default "ide2"
   */
  readonly interface?: string;
}

/** A NoCloud image in a CD drive. @internal */
export function isoDelivery(options: IsoSeedOptions): SeedDelivery {
  return { network: "seed", references: { volumes: [] }, deliver: (context) => deliverIso(options, context) };
}

function deliverIso(options: IsoSeedOptions, context: SeedContext): SeedBinding {
  const { scope } = context;
  const datastore = options.datastore ?? "local";
  const nodeName = options.nodeName ?? context.nodeName;
  const network = documentLocal(scope, "network-config", networkConfig(context));
  const networkText = (): string => `jsonencode(${network.name})`;
  const image = isoImage(scope, {
    userData: context.userData,
    metaData: context.metaData,
    networkConfig: networkText,
  });
  // The image's name follows from its content and place: an edited seed is another file, so that Proxmox changes the
  // medium in a running VM, and neither file is ever deleted under the other's name.
  const place = [datastore, nodeName].map((text, index) => operand(scope, `iso-place-${index}`, text));
  const prefix = operand(scope, "iso-prefix", `nexus-pull-${context.fleet}-${context.name}-`);
  const name = new TerraformLocal(
    scope,
    "iso-name",
    lazyExpression(() => {
      const digest = `substr(nonsensitive(sensitive(sha256(join("\\n", [${[image(), ...place].join(", ")}])))), 0, 16)`;
      return `join("", [${prefix}, ${digest}, ".iso"])`;
    }),
  );
  const file = new ProxmoxFile(scope, "iso-file", {
    contentType: "iso",
    datastoreId: datastore,
    nodeName,
    sourceRaw: { data: lazyExpression(image), fileName: lazyExpression(() => local(name)) },
    provider: context.provider,
    lifecycle: {
      createBeforeDestroy: true,
      // A VM that is not moved by an edit of nodeName finds its image where it was.
      ...(context.followsNode || options.nodeName !== undefined ? {} : { ignoreChanges: ["node_name"] }),
      precondition: [
        fits(context.metaData, META_DATA_BYTES, "meta-data"),
        fits(networkText, NETWORK_CONFIG_BYTES, "network-config"),
      ],
    },
  });
  return {
    cdrom: {
      fileId: `${datastore}:iso/${lazyExpression(() => local(name))}`,
      interface: options.interface ?? "ide2",
    },
    dependsOn: [file],
  };
}

/** The two small files have a fixed place, and every byte of the image is one of ASCII's. */
function fits(text: () => string, bytes: number, what: string) {
  return {
    condition: lazyExpression(
      () => `length(${text()}) <= ${bytes} && can(regex(${quoted("^[\\x00-\\x7f]*$")}, ${text()}))`,
    ),
    errorMessage: `seed_too_large: the ${what} of a seed on an ISO image has at most ${bytes} ASCII characters; use fewer interfaces or name servers, or another kind of seed.`,
  };
}
