import { Token, type Precondition } from "cdktf";
import { Construct } from "constructs";
import {
  agentConfig,
  bootstrapTimeoutSeconds,
  runTimeoutSeconds,
  scheduleSeconds,
  seedSecrets,
} from "./seed/agent-config";
import { agentProgram } from "./seed/agent-program";
import { Git } from "./ansible-pull/git";
import { GIT_ADDRESS } from "./ansible-pull/git-address";
import { renderUnits } from "./seed/units";
import { metaData, userData } from "./seed/user-data";
import { renderSeedScript } from "./seed/seed-script";
import { checkSize } from "./seed/size";
import { documentLocal, type DocumentLocal } from "./opentofu/document-local";
import { lazyExpression, quoted } from "./opentofu/expressions";
import { ChangePolicy } from "./change-policy";
import type { NetworkInterface } from "./hardware";
import type { ProxmoxVm } from "./proxmox/resource-types";
import type { SeedBinding, SeedDelivery } from "./seed/delivery";
import { withMacAddresses } from "./seed/network-config";
import { Seed } from "./seed/seed";
import { proxmoxVm, VM_DEFAULTS } from "./proxmox/vm";
import type { NexusVmPullProps } from "./props";
import type { ReceiverBinding } from "./receiver";
import { stackOf } from "./opentofu/engine";
import { isAuthenticated } from "./validation/rules/git";
import { findOpenVariables } from "./validation/open-variables";
import { guard, report, warn } from "./validation/report";
import { findConflicts, findProblems, findShared, findWarnings, overrule } from "./validation";

/**
 * A VM on Proxmox VE that configures itself: cloned from a golden image by OpenTofu, which returns as soon as the VM runs;
 * cloud-init then starts an agent, and the agent runs ansible-pull from Git, at each boot and by a schedule.
 *
 * Synthesis fails with all problems of the whole tree together, each with a code of docs/reference/errors.md.
 * Only a tree that mixes two copies of the engine throws at once (`engine_mismatch`).
 *
 * The ids of the children are a contract: `vm`, `user-data`, `meta-data`, `seed`, `cloud-config`, `identity`.
 */
export class NexusVmPull extends Construct {
  /** The provider's VM resource: the escape hatch for what has no prop. */
  public readonly vm: ProxmoxVm;
  /** The instance-id in the VM's meta-data. A token with ChangePolicy.newInstance(). */
  public readonly instanceId: string;
  /** Fleet that the VM belongs to. */
  public readonly fleet: string;
  /** The user-data as a text (a token): what belongs into a seed that you deliver yourself. Holds secrets. */
  public readonly userData: string;
  /** The meta-data as a text (a token). */
  public readonly metaData: string;

  /** Whether it is one of these, also when it comes from another copy of this module. */
  public static isNexusVmPull(this: void, value: unknown): value is NexusVmPull {
    return typeof value === "object" && value !== null && MARK in value;
  }

  /**
   * @param scope a stack, or a construct in one
   * @param id part of the resources' addresses in OpenTofu: a contract with your state
   * @param props what the VM is
   */
  public constructor(scope: Construct, id: string, props: NexusVmPullProps) {
    super(scope, id);
    Object.defineProperty(this, MARK, { value: true });
    const stack = stackOf(this, this.node.path);
    this.fleet = props.fleet ?? props.receiver?.fleet ?? stack.node.id;
    guard(stack);
    const checked = { ...props, fleet: this.fleet };
    const { findings, overruled } = overrule(props, [
      ...findProblems(checked),
      ...findConflicts(this, checked),
      ...findOpenVariables(this, props),
    ]);
    report(this, findings);
    [...overruled, ...findShared(this, checked), ...findWarnings(props)].forEach((finding) => warn(this, finding));
    // Synthesis and OpenTofu refuse a tree with findings; until then the children must be there, so that the rest of the
    // tree is built and checked too.
    const { vm, seed } = this.build(findings.length === 0 ? props : PLACEHOLDER);
    this.vm = vm;
    this.instanceId = seed.instanceId;
    this.userData = lazyExpression(seed.userData);
    this.metaData = lazyExpression(seed.metaData);
  }

  private build(given: NexusVmPullProps): { vm: ProxmoxVm; seed: SeedDocuments } {
    const delivery = (given.seed ?? Seed.snippet()).spec;
    const props = { ...given, network: this.interfaces(given, delivery) };
    const seed = new SeedDocuments(this, props, this.fleet);
    const vm = proxmoxVm(
      this,
      props,
      this.deliver(props, delivery, seed),
      seed.binding?.dependsOn ?? [],
      seed.preconditions,
    );
    props.receiver?.announce(this, {
      name: props.name,
      vm,
      waitForConfigured: props.waitForConfigured,
      commit: props.source.source.commit,
    });
    return { vm, seed };
  }

  /** A seed that names the cards itself needs to know their addresses before Proxmox could choose some. */
  private interfaces(props: NexusVmPullProps, delivery: SeedDelivery): NetworkInterface[] {
    const interfaces = props.network ?? VM_DEFAULTS.network;
    return delivery.network === "seed"
      ? withMacAddresses(this, { interfaces, fleet: this.fleet, name: props.name })
      : interfaces;
  }

  private deliver(
    props: NexusVmPullProps & { readonly network: NetworkInterface[] },
    delivery: SeedDelivery,
    documents: SeedDocuments,
  ): SeedBinding {
    return delivery.deliver({
      scope: this,
      interfaces: props.network,
      dns: props.dns,
      fleet: this.fleet,
      name: props.name,
      nodeName: props.nodeName,
      userData: documents.userData,
      metaData: documents.metaData,
      changePolicy: props.changePolicy ?? ChangePolicy.keepVm(),
      followsNode: props.placement === "nodeName",
      provider: props.provider,
    });
  }

  /** The VM's name (a token). */
  public get vmName(): string {
    return this.vm.name;
  }

  /** The VM's id in Proxmox (a token). */
  public get vmId(): number {
    return this.vm.vmId;
  }

  /** MAC address of the first interface (a token), also when Proxmox chose it. */
  public get macAddress(): string {
    return this.vm.networkDevice.get(0).macAddress;
  }
}

const MARK = Symbol.for("nexus-vm-pull.NexusVmPull");

/** Stands in for props that cannot be used. A stack with it has no plan, see Refusal. */
const PLACEHOLDER: NexusVmPullProps = {
  name: "invalid",
  nodeName: "invalid",
  templateVmId: 100,
  source: Git.https("https://invalid.example/invalid.git"),
};

/** The seed as OpenTofu composes it: everything that is known at synthesis as data, the rest as expressions. */
class SeedDocuments {
  public readonly instanceId: string;
  /** OpenTofu expressions of the two texts. */
  public readonly userData: () => string;
  public readonly metaData: () => string;
  public readonly binding: ReceiverBinding | undefined;
  private readonly seed: DocumentLocal;
  private readonly source: Git;
  /** The instance-id as an expression, when it follows the seed. */
  private readonly renewedId: (() => string) | undefined;

  public constructor(scope: Construct, props: NexusVmPullProps, fleet: string) {
    const instanceId = `${fleet}-${props.name}`;
    this.source = props.source;
    if (props.changePolicy?.kind === "new-instance") {
      this.renewedId = () =>
        `join("-", [${this.seed.name}.config.identity.instance_id, substr(${this.generation}, 0, 12)])`;
    }
    this.instanceId = this.renewedId === undefined ? instanceId : lazyExpression(this.renewedId);
    this.binding = props.receiver?.register({
      name: props.name,
      instanceId: this.instanceId,
      ref: props.source.intended,
    });
    const agent = agentProgram();
    const secrets = seedSecrets({ ...props, receiverKey: this.binding?.key });
    this.seed = documentLocal(scope, "seed", {
      config: agentConfig({ ...props, fleet, instanceId, agent, receiver: this.binding?.agent ?? null }),
      secrets,
      files: unitFiles(props),
    });
    const agentBase64 = props.agent === "image" ? undefined : agent.gzipBase64;
    const document = userData({
      ...props,
      domain: props.dns?.domain,
      seedScript: renderSeedScript({ agentBase64, seedBase64: lazyExpression(() => this.seedBase64()) }),
    });
    reportSize(scope, checkSize({ ...document, bootcmd: props.cloudConfig?.bootcmd }, agentBase64?.length ?? 0));
    const cloudConfig = documentLocal(scope, "cloud-config", document);
    const identity = documentLocal(scope, "identity", metaData(this.instanceId, props.name));
    const text = () => `join("\\n", ["#cloud-config", yamlencode(${cloudConfig.name})])`;
    // Also when the variable itself is not marked: a plan shows what is not sensitive, and base64 hides nothing.
    this.userData = holdsSecret(secrets) ? () => `sensitive(${text()})` : text;
    this.metaData = () => `yamlencode(${identity.name})`;
  }

  /** What only OpenTofu can check: the address of the source, when it is a variable's value. */
  public get preconditions(): Precondition[] {
    const { kind, url } = this.source.source;
    if (!Token.isUnresolved(url)) return [];
    const form = kind === "https" && !isAuthenticated(this.source) ? "httpsOnly" : kind;
    return [
      {
        condition: lazyExpression(
          () => `can(regex(${quoted(GIT_ADDRESS[form])}, ${this.seed.name}.config.source.url))`,
        ),
        errorMessage:
          kind === "https"
            ? "git_url_invalid: the source is used over https, so its address must be https://... without credentials or blanks; plain http needs a signature or insecureHttp, a repository over ssh Git.ssh with knownHosts and a deployKey."
            : "git_url_invalid: the source is used over ssh, so its address must be ssh://... or user@host:path, without a password or blanks.",
      },
    ];
  }

  // Over configuration, secrets and agent, so that any change of them is a new generation. The digest itself is no secret.
  private get generation(): string {
    return `nonsensitive(sensitive(sha256(jsonencode(${this.seed.name}))))`;
  }

  private seedBase64(): string {
    const seed = this.seed.name;
    const identity =
      this.renewedId === undefined
        ? ""
        : `, identity = merge(${seed}.config.identity, { instance_id = ${this.renewedId()} })`;
    const config = `merge(${seed}.config, { generation = ${this.generation}${identity} })`;
    const secrets = `{ for name, value in ${seed}.secrets : name => value if value != null && value != "" }`;
    return `base64encode(jsonencode(merge(${seed}, { config = ${config}, secrets = ${secrets} })))`;
  }
}

function reportSize(scope: Construct, { error, warning }: ReturnType<typeof checkSize>): void {
  if (error !== undefined) report(scope, [error]);
  if (warning !== undefined) warn(scope, warning);
}

function holdsSecret(secrets: object): boolean {
  return Object.values(secrets).some((value) => value !== undefined && value !== null);
}

function unitFiles(props: NexusVmPullProps): Record<string, string>[] {
  const units = renderUnits({
    runTimeoutSeconds: runTimeoutSeconds(props.runTimeout),
    bootstrapTimeoutSeconds: bootstrapTimeoutSeconds(props.bootstrapTimeout),
    schedule: scheduleSeconds(props.schedule),
    heartbeatSeconds: props.receiver?.heartbeatSeconds,
  });
  return units.map(({ path, mode, content }) => ({
    path,
    mode,
    content_b64: Buffer.from(content, "utf8").toString("base64"),
  }));
}
