import { TerraformLocal, Token } from "cdktf";
import type { Construct } from "constructs";
import { parseDuration } from "../ansible-pull/duration";
import { expression, local, operand } from "../opentofu/expressions";
import { escapeString } from "../opentofu/literals";
import type { ReceiverProps, WaitForConfigured } from "./props";
import { readScript } from "./scripts";

/** What the resources of one receiver share. `fleet` to `caCertificate` are HCL expressions. */
export interface Settings {
  /** Whether "no receiver" is decided at plan time. */
  readonly counted: boolean;
  /** The fleet's name. */
  readonly fleet: string;
  /** The full POST address, or "". */
  readonly url: string;
  /** The receiver's address without /webhook. */
  readonly base: string;
  /** The operator secret, or "". */
  readonly secret: string;
  /** The agent's receiver section, or null. */
  readonly agent: string;
  /** Texts of request.sh and of wait.sh. */
  readonly requestScript: string;
  readonly waitScript: string;
  /** PEM. */
  readonly caCertificate?: string;
  /** Seconds until a VM is Overdue. */
  readonly deadlineSeconds: number;
  readonly waitForConfigured: WaitForConfigured;
}

const DEFAULT_DEADLINE = "30m";
const DEFAULT_HEARTBEAT = "15m";

/** Makes the locals that every resource of a receiver refers to. */
export function resolveSettings(owner: Construct, fleet: string, props: ReceiverProps): Settings {
  const url = textOf(owner, "url", props.webhookUrl);
  const ca = props.caCertificate;
  const caCertificate =
    ca === undefined ? undefined : local(new TerraformLocal(owner, "ca-certificate", escapeString(ca)));
  const script = (name: string): string =>
    local(new TerraformLocal(owner, `${name}-script`, escapeString(readScript(name))));
  return {
    counted: Token.isUnresolved(props.webhookUrl),
    fleet: operand(owner, "fleet", fleet),
    url,
    base: `trimsuffix(${url}, "/webhook")`,
    secret: textOf(owner, "secret", props.secret),
    agent: local(new TerraformLocal(owner, "agent", agentSection(url, caCertificate, props))),
    requestScript: script("request"),
    waitScript: script("wait"),
    caCertificate,
    deadlineSeconds: seconds(props.overdueAfter, DEFAULT_DEADLINE),
    waitForConfigured: props.waitForConfigured ?? false,
  };
}

/** Seconds of a duration; one that is not valid was reported by the rules and never reaches a plan. */
export function seconds(duration: string | undefined, otherwise: string): number {
  return parseDuration(duration ?? otherwise) ?? 1;
}

/** Seconds between an agent's heartbeats. */
export function heartbeatSeconds(props: ReceiverProps): number {
  return seconds(props.heartbeatInterval, DEFAULT_HEARTBEAT);
}

/** An address below the receiver's, as an HCL operand; so are the parts of `path`. */
export function addressBelow(settings: Settings, ...path: string[]): string {
  const segments = path.map((part) => (part.startsWith('"') ? part.slice(1, -1) : `\${urlencode(${part})}`));
  return `"\${${settings.base}}/fleets/${segments.join("/")}"`;
}

/** A value that may be null (an unset variable), as text that is then empty. Makes the locals `<id>-given` and `id`. */
function textOf(owner: Construct, id: string, value: string): string {
  if (!Token.isUnresolved(value)) return local(new TerraformLocal(owner, id, escapeString(value)));
  const given = local(new TerraformLocal(owner, `${id}-given`, value));
  return local(new TerraformLocal(owner, id, expression(`${given} == null ? "" : ${given}`)));
}

function agentSection(url: string, caCertificate: string | undefined, props: ReceiverProps): string {
  const fields = [`url = ${url}`, `heartbeat_s = ${heartbeatSeconds(props)}`];
  if (caCertificate !== undefined) fields.push(`ca_certificate = ${caCertificate}`);
  return expression(`${url} == "" ? null : { ${fields.join(", ")} }`);
}
