import { Fn, Op, Token } from "cdktf";
import { parseDuration } from "../ansible-pull/duration";
import type { Git } from "../ansible-pull/git";
import { Schedule } from "../ansible-pull/schedule";
import { Signature } from "../ansible-pull/signature";
import type { Vault, VaultAppRoleOptions, VaultField } from "../ansible-pull/vault";

/** The ansible-core of a VM. */
export interface AnsibleCore {
  /**
   * The lowest version that will do, for example "2.16". Where what the image or the distribution has is older, and `pip` is
   * not set, the VM fails with `ansible_too_old`.
   * @default - any
   */
  readonly minimum?: string;
  /**
   * Exact version that pip installs into a venv of the agent's own, for example "2.18.6", when the image or the distribution
   * has none or one below `minimum`.
   * @default - the distribution's, or failure
   */
  readonly pip?: string;
}

/** What the agent's configuration is made from; contract/agent-config.schema.json is its shape on the VM. */
export interface AgentConfigInput {
  readonly fleet: string;
  readonly name: string;
  readonly instanceId: string;
  readonly source: Git;
  readonly playbooks?: string[];
  readonly inventory?: string;
  readonly extraVars?: Record<string, unknown>;
  readonly mode?: string;
  readonly runTimeout?: string;
  readonly bootstrapTimeout?: string;
  readonly ansibleCore?: AnsibleCore;
  readonly ansibleTags?: string[];
  readonly ansibleSkipTags?: string[];
  readonly schedule?: Schedule;
  readonly vault?: Vault;
  /** What the VM knows of its receiver, or null. */
  readonly receiver: unknown;
  readonly agent: { readonly version: string; readonly sha256: string };
}

const RUN_TIMEOUT = "1h";
const BOOTSTRAP_TIMEOUT = "30m";
/** First boot, then every half hour. */
export const DEFAULT_SCHEDULE = Schedule.every("30m", { jitter: "5m" });

/** The configuration without its generation, which OpenTofu computes over it. Values may be tokens. */
export function agentConfig(input: AgentConfigInput): Record<string, unknown> {
  return {
    version: 1,
    identity: { fleet: input.fleet, vm: input.name, instance_id: input.instanceId },
    source: sourceConfig(input.source, input.vault),
    run: {
      playbooks: input.playbooks ?? ["nexus.yml"],
      inventory: input.inventory,
      extra_vars: input.extraVars ?? {},
      mode: input.mode ?? "apply",
      timeout_s: runTimeoutSeconds(input.runTimeout),
      tags: input.ansibleTags ?? [],
      skip_tags: input.ansibleSkipTags ?? [],
      verbosity: 0,
      requirements: input.source.source.requirements,
    },
    schedule: scheduleSeconds(input.schedule),
    bootstrap: {
      deadline_s: bootstrapTimeoutSeconds(input.bootstrapTimeout),
      ansible_core: { minimum: input.ansibleCore?.minimum, pip: input.ansibleCore?.pip },
    },
    receiver: input.receiver,
    vault: input.vault === undefined ? null : vaultConfig(input.vault.options),
    agent: { version: input.agent.version, sha256: input.agent.sha256 },
  };
}

/** Time limit of one run in seconds; 0 for a text that is no duration, which a rule reports. */
export function runTimeoutSeconds(runTimeout: string | undefined): number {
  return parseDuration(runTimeout ?? RUN_TIMEOUT) ?? 0;
}

/** Time limit of the bootstrap in seconds; 0 for a text that is no duration, which a rule reports. */
export function bootstrapTimeoutSeconds(bootstrapTimeout: string | undefined): number {
  return parseDuration(bootstrapTimeout ?? BOOTSTRAP_TIMEOUT) ?? 0;
}

function sourceConfig(git: Git, vault: Vault | undefined): Record<string, unknown> {
  const { source } = git;
  return {
    url: source.url,
    ref: git.ref,
    commit: source.commit ?? null,
    credential: credentialConfig(git, vault),
    known_hosts: source.knownHosts,
    ca_certificate: source.caCertificate,
    verify: { ...(source.signature ?? Signature.none()).verify },
  };
}

function credentialConfig(git: Git, vault: Vault | undefined): Record<string, unknown> {
  const { source } = git;
  if (source.kind === "ssh") {
    const has = source.deployKey !== undefined || vault?.options.deployKey !== undefined;
    return { kind: has ? "deploy_key" : "none" };
  }
  const username = source.username ?? "x-access-token";
  if (vault?.options.gitToken !== undefined) return { kind: "token", username };
  if (source.token === undefined) return { kind: "none" };
  // A variable's value is known to OpenTofu only; empty or null means a public repository. coalesce skips both, and no
  // token is a space. (cdktf's Op.eq drops an empty string.)
  const empty = Op.eq(Fn.coalesce([source.token, " "]), " ");
  return { kind: Token.asString(Fn.conditional(empty, "none", "token")), username };
}

/** The schedule in seconds, as the agent's configuration has it; 0 for a text that is no duration, which a rule reports. */
export function scheduleSeconds(schedule = DEFAULT_SCHEDULE): {
  readonly interval_s: number;
  readonly jitter_s: number;
  readonly reapply_s?: number;
} {
  const interval = parseDuration(schedule.interval) ?? 0;
  const jitter = schedule.jitter === undefined ? Math.floor(interval / 6) : parseDuration(schedule.jitter);
  const reapply = reapplySeconds(schedule.reapply);
  return { interval_s: interval, jitter_s: jitter ?? 0, ...(reapply === undefined ? {} : { reapply_s: reapply }) };
}

/** Absent for "never", 0 for "always". */
function reapplySeconds(reapply = "never"): number | undefined {
  if (reapply === "never") return undefined;
  return reapply === "always" ? 0 : (parseDuration(reapply) ?? 0);
}

function vaultConfig(options: VaultAppRoleOptions): Record<string, unknown> {
  const field = (value: VaultField | undefined) =>
    value === undefined ? undefined : { path: value.path, field: value.field };
  return {
    address: options.address,
    auth: { method: "approle", mount: options.mount ?? "approle", role_id: options.roleId },
    namespace: options.namespace,
    ca_certificate: options.caCertificate,
    secrets: {
      git_token: field(options.gitToken),
      deploy_key: field(options.deployKey),
      vault_password: field(options.vaultPassword),
      extra_vars: field(options.extraVars),
    },
  };
}

/** Secrets that travel in the seed, by their file names on the VM. Empty ones are left out by OpenTofu. */
export function seedSecrets(input: {
  readonly source: Git;
  readonly vaultPassword?: string;
  readonly vault?: Vault;
  readonly receiverKey?: string;
}): Record<string, string | undefined> {
  return {
    receiver_key: input.receiverKey,
    git_token: input.source.source.token,
    deploy_key: input.source.source.deployKey,
    vault_password: input.vaultPassword,
    wrapped_secret_id: input.vault?.options.wrappedSecretId,
  };
}
