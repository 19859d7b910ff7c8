import { Lazy, TerraformVariable, Token, type IResolvable, type TerraformVariableConfig } from "cdktf";
import { Construct } from "constructs";
import { GIT_ADDRESS } from "../ansible-pull/git-address";
import { lazyExpression, quoted } from "../opentofu/expressions";
import { stackOf } from "../opentofu/engine";
import { ProxmoxProvider } from "./resource-types";

interface Definition extends TerraformVariableConfig {
  readonly type: "string" | "number" | "bool";
  /** Condition and message in OpenTofu's language. */
  readonly check?: readonly [condition: string, message: string];
}

const OPTIONAL_TEXT = { type: "string", default: "", nullable: false } as const;
const OPTIONAL_SECRET = { ...OPTIONAL_TEXT, sensitive: true } as const;

// Names, types and meaning are those of the HCL repository that users come from: an existing terraform.tfvars keeps working.
const DEFINITIONS = {
  proxmox_endpoint: {
    type: "string",
    description: "Address of the Proxmox VE API, for example https://pve.example:8006",
    check: [
      'can(regex("^https?://[^/@ ]+/?$", var.proxmox_endpoint))',
      "proxmox_endpoint must be an address such as https://pve.example:8006, without a path and without credentials.",
    ],
  },
  proxmox_username: {
    ...OPTIONAL_TEXT,
    description: "User with realm, for example root@pam; with proxmox_password",
    check: [
      'var.proxmox_username == "" || can(regex("^[^@ ]+@[^@ ]+$", var.proxmox_username))',
      "proxmox_username must have its realm, for example root@pam.",
    ],
  },
  proxmox_password: { ...OPTIONAL_SECRET, description: "Password of proxmox_username" },
  proxmox_api_token: {
    ...OPTIONAL_SECRET,
    description: "API token instead of a password: user@realm!id=secret",
    check: [
      'var.proxmox_api_token == "" || can(regex("^[^@!= ]+@[^@!= ]+![^@!= ]+=[A-Za-z0-9-]+$", var.proxmox_api_token))',
      "proxmox_api_token must look like user@realm!id=secret.",
    ],
  },
  proxmox_insecure: {
    type: "bool",
    default: false,
    nullable: false,
    description: "Whether to accept any certificate of the API (self-signed)",
  },
  proxmox_ssh_username: {
    ...OPTIONAL_TEXT,
    description:
      "Linux user on the nodes, through which snippets are written; default: proxmox_username without its realm",
  },
  proxmox_ssh_private_key: {
    ...OPTIONAL_SECRET,
    description: "Private key of that user; default: the SSH agent, and the password of proxmox_username",
  },
  proxmox_node: {
    type: "string",
    description: "Node that runs the VMs",
    check: [
      'can(regex("^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$", var.proxmox_node))',
      "proxmox_node must be the name of a node, for example pve.",
    ],
  },
  template_vm_id: {
    type: "number",
    description: "VM id of the golden image, for example 9000",
    check: [
      "var.template_vm_id == null ? true : var.template_vm_id >= 100 && var.template_vm_id <= 999999999 && floor(var.template_vm_id) == var.template_vm_id",
      "template_vm_id must be a whole number from 100 to 999999999.",
    ],
  },
  vm_datastore: { type: "string", default: "local-lvm", nullable: false, description: "Storage of the VMs' disks" },
  snippets_datastore: {
    type: "string",
    default: "local",
    nullable: false,
    description: "Storage with content type snippets",
  },
  network_bridge: { type: "string", default: "vmbr0", nullable: false, description: "Bridge of the first interface" },
  ansible_repo_url: {
    type: "string",
    description: "Git address of the Ansible repository, without credentials",
    check: [
      [GIT_ADDRESS.https, GIT_ADDRESS.ssh]
        .map((form) => `can(regex(${quoted(form)}, var.ansible_repo_url))`)
        .join(" || "),
      "git_url_invalid: ansible_repo_url must be an https:// or ssh address without credentials or blanks; a token belongs in git_token.",
    ],
  },
  git_token: { ...OPTIONAL_SECRET, description: "Token that may read the Ansible repository; empty for a public one" },
  webhook_url: {
    ...OPTIONAL_TEXT,
    description: "The receiver's POST address, ending in /webhook; empty for none",
    check: [
      'var.webhook_url == "" || can(regex("^https?://[^/@ ]+(/[^ ]*)?/webhook$", var.webhook_url))',
      "webhook_url must be the receiver's full POST address, for example https://receiver.example:9191/webhook.",
    ],
  },
  webhook_secret: { ...OPTIONAL_SECRET, description: "Operator secret of the receiver; needed with webhook_url" },
} as const satisfies Record<string, Definition>;

/** Name of a variable. */
export type NexusVariableName = keyof typeof DEFINITIONS;

/**
 * The variables of the HCL repository that this library replaces, by their original names.
 * A stack has one of these: the names are global in it.
 */
export class NexusVariables extends Construct {
  private readonly variables: ReadonlyMap<NexusVariableName, TerraformVariable>;
  /** Variables without a default that are only asked for when something is made of them. */
  private readonly used = new Set<NexusVariableName>();

  public constructor(scope: Construct, id = "variables") {
    super(scope, id);
    stackOf(this, this.node.path);
    const entries = Object.entries(DEFINITIONS) as [NexusVariableName, Definition][];
    this.variables = new Map(entries.map(([name, definition]) => [name, this.declare(name, definition)]));
  }

  private declare(name: NexusVariableName, { check, ...config }: Definition): TerraformVariable {
    const variable = new TerraformVariable(this, name, {
      ...config,
      ...(name === "template_vm_id" && { default: this.nullUnlessUsed(name) }),
      validation: check && [{ condition: `\${${check[0]}}`, errorMessage: check[1] }],
    });
    variable.overrideLogicalId(name);
    return variable;
  }

  // A stack whose VMs are made from an image has no template, and must not ask for one.
  private nullUnlessUsed(name: NexusVariableName): IResolvable {
    return Lazy.anyValue({ produce: () => (this.used.has(name) ? undefined : Token.nullValue()) });
  }

  private text(name: NexusVariableName): string {
    return this.variable(name).stringValue;
  }

  /** The variable itself, for what has no getter. */
  public variable(name: NexusVariableName): TerraformVariable {
    // The map is filled from the same keys that the type is made of.
    return this.variables.get(name) as TerraformVariable;
  }

  /** Node that runs the VMs (`proxmox_node`). */
  public get proxmoxNode(): string {
    return this.text("proxmox_node");
  }
  /** VM id of the golden image (`template_vm_id`). */
  public get templateVmId(): number {
    this.used.add("template_vm_id");
    return this.variable("template_vm_id").numberValue;
  }
  /** Storage of the VMs' disks (`vm_datastore`). */
  public get vmDatastore(): string {
    return this.text("vm_datastore");
  }
  /** Storage of the snippets (`snippets_datastore`). */
  public get snippetsDatastore(): string {
    return this.text("snippets_datastore");
  }
  /** Bridge of the first interface (`network_bridge`). */
  public get networkBridge(): string {
    return this.text("network_bridge");
  }
  /** Address of the Ansible repository (`ansible_repo_url`). */
  public get ansibleRepoUrl(): string {
    return this.text("ansible_repo_url");
  }
  /** Token for the Ansible repository, may be empty (`git_token`). */
  public get gitToken(): string {
    return this.text("git_token");
  }
  /** POST address of the receiver, may be empty (`webhook_url`). */
  public get webhookUrl(): string {
    return this.text("webhook_url");
  }
  /** Operator secret of the receiver (`webhook_secret`). */
  public get webhookSecret(): string {
    return this.text("webhook_secret");
  }

  /**
   * Makes the stack's Proxmox provider out of the variables: an API token if there is one, else user and password.
   * @param id construct id; default "proxmox"
   */
  public provider(id = "proxmox"): ProxmoxProvider {
    return new ProxmoxProvider(this, id, {
      endpoint: this.text("proxmox_endpoint"),
      apiToken: lazyExpression(() => orNull("proxmox_api_token")),
      username: lazyExpression(() => unlessApiToken("proxmox_username")),
      password: lazyExpression(() => unlessApiToken("proxmox_password")),
      insecure: this.variable("proxmox_insecure").booleanValue,
      ssh: {
        agent: Token.asAny(lazyExpression(() => 'var.proxmox_ssh_private_key == ""')) as IResolvable,
        username: lazyExpression(sshUsername),
        privateKey: lazyExpression(() => orNull("proxmox_ssh_private_key")),
      },
    });
  }
}

// Expressions by name: the logical ids of these variables are pinned.
function orNull(name: NexusVariableName): string {
  return `var.${name} == "" ? null : var.${name}`;
}

function unlessApiToken(name: NexusVariableName): string {
  return `var.proxmox_api_token != "" || var.${name} == "" ? null : var.${name}`;
}

// A Linux user has no realm: root@pam logs in as root. With an API token there may be no user to take it from.
function sshUsername(): string {
  return 'coalesce(var.proxmox_ssh_username, split("@", var.proxmox_username)[0], "root")';
}
