import { TerraformLocal, Token } from "cdktf";
import type { Construct } from "constructs";
import { parseDuration } from "../ansible-pull/duration";
import { expression, literal, local, quoted } from "./hcl";
import type { ReceiverProps, WaitForConfigured } from "./props";
import { readScript } from "./scripts";

/** What the resources of one receiver share. `url` to `agent` are HCL expressions. */
export interface Settings {
  /** Whether "no receiver" is decided at plan time. */
  readonly counted: boolean;
  /** The fleet's name. */
  readonly fleet: string;
  /** The fleet's name as it stands in a URL, in a string of the JSON. */
  readonly fleetSegment: string;
  /** The full POST address, or "". */
  readonly url: string;
  /** The receiver's address without /webhook. */
  readonly base: string;
  /** The operator secret, or "". */
  readonly secret: string;
  /** The agent's receiver section, or null. */
  readonly agent: string;
  /** Text of request.sh and of wait.sh. */
  readonly requestScript: string;
  readonly waitScript: string;
  /** PEM as it stands in a string of the JSON. */
  readonly caCertificate?: string;
  /** Seconds until a VM is Overdue. */
  readonly deadlineSeconds: number;
  readonly waitForConfigured: WaitForConfigured;
}

const DEFAULT_DEADLINE = "30m";
const DEFAULT_HEARTBEAT = "15m";

/** Makes the locals that every resource of a receiver refers to. */
export function resolveSettings(owner: Construct, fleet: string, props: ReceiverProps): Settings {
  const url = local(new TerraformLocal(owner, "url", emptyForNull(props.webhookUrl)));
  const secret = local(new TerraformLocal(owner, "secret", emptyForNull(props.secret)));
  const script = (name: string): string =>
    local(new TerraformLocal(owner, `${name}-script`, literal(readScript(name))));
  return {
    counted: Token.isUnresolved(props.webhookUrl),
    fleet: quoted(fleet),
    fleetSegment: segment(fleet),
    url,
    base: `trimsuffix(${url}, "/webhook")`,
    secret,
    agent: local(new TerraformLocal(owner, "agent", agentSection(url, props))),
    requestScript: script("request"),
    waitScript: script("wait"),
    caCertificate: props.caCertificate === undefined ? undefined : literal(props.caCertificate),
    deadlineSeconds: seconds(props.overdueAfter, DEFAULT_DEADLINE),
    waitForConfigured: props.waitForConfigured ?? false,
  };
}

/** Seconds of a duration; one that is not valid was reported by the rules and never reaches a plan. */
export function seconds(duration: string | undefined, otherwise: string): number {
  return parseDuration(duration ?? otherwise) ?? 1;
}

/** A name as one segment of a URL's path, in a string of the JSON. */
export function segment(name: string): string {
  return Token.isUnresolved(name) ? expression(`urlencode(${quoted(name)})`) : literal(encodeURIComponent(name));
}

function emptyForNull(value: string): string {
  // In quotes a token is a template of its own, which keeps it one operand; null in a template would be an error, so try.
  return Token.isUnresolved(value) ? expression(`try(${quoted(value)}, "")`) : literal(value);
}

function agentSection(url: string, props: ReceiverProps): string {
  const fields = [`url = ${url}`, `heartbeat_s = ${seconds(props.heartbeatInterval, DEFAULT_HEARTBEAT)}`];
  if (props.caCertificate !== undefined) fields.push(`ca_certificate = ${quoted(props.caCertificate)}`);
  return expression(`${url} == "" ? null : { ${fields.join(", ")} }`);
}
