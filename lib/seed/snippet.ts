import { lazyExpression } from "../opentofu/expressions";
import { ProxmoxFile } from "../proxmox/resource-types";
import type { SeedBinding, SeedContext, SeedDelivery } from "./delivery";
import { SNIPPET_LIMIT_BYTES } from "./size";

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

/** Two snippets, uploaded by the provider over SSH to the node. @internal */
export function snippetDelivery(options: SnippetSeedOptions): SeedDelivery {
  return {
    network: "proxmox",
    references: { volumes: [] },
    deliver: (context) => deliverSnippets(options, context),
  };
}

function deliverSnippets({ datastore = "local", nodeName }: SnippetSeedOptions, context: SeedContext): SeedBinding {
  const upload = (kind: "user-data" | "meta-data", data: () => string) => {
    const fileName = `nexus-pull-${context.fleet}-${context.name}-${kind}.yaml`;
    const file = new ProxmoxFile(context.scope, kind, {
      contentType: "snippets",
      datastoreId: datastore,
      nodeName: nodeName ?? context.nodeName,
      sourceRaw: { data: lazyExpression(data), fileName },
      provider: context.provider,
      lifecycle: {
        precondition: [withinLimit(data, fileName)],
        // A VM that is not moved by an edit of nodeName finds its files where they were.
        ...(context.followsNode || nodeName !== undefined ? {} : { ignoreChanges: ["node_name"] }),
      },
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

// OpenTofu counts characters, Proxmox bytes: base64 has four characters for three bytes.
const LIMIT_BASE64 = Math.ceil(SNIPPET_LIMIT_BYTES / 3) * 4;

function withinLimit(data: () => string, fileName: string) {
  return {
    condition: lazyExpression(() => `length(base64encode(${data()})) <= ${LIMIT_BASE64}`),
    errorMessage: `seed_too_large: ${fileName} is above Proxmox's limit of 1 MiB for a snippet; move files to the Git repository.`,
  };
}
