import { TerraformStack, Token } from "cdktf";
import type { Construct, IConstruct } from "constructs";
import { parseDuration } from "../../ansible-pull/duration";
import { show, type Finding } from "../../errors";
import type { Rule } from "../rule";
import type { ReceiverProps, WaitForConfigured } from "../../receiver/props";

type Given = ReceiverProps & { readonly fleet: string };

const HOUR = 3600;
const DAY = 24 * HOUR;

const URL_SHAPE = /^https?:\/\/[^/@?#\s]+(\/[^@?#\s]*)?\/webhook$/;
const FLEET_SHAPE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const PEM_SHAPE = /^(\s*-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----\s*)+$/;

const literalUrlIsAWebhook: Rule<Given> = function* ({ webhookUrl }) {
  if (Token.isUnresolved(webhookUrl) || URL_SHAPE.test(webhookUrl)) return;
  // Whatever precedes an @ may be a password.
  yield { code: "receiver_url_invalid", prop: "webhookUrl", got: show(webhookUrl.replace(/\/\/[^/]*@/, "//***@")) };
};

const secretIsNoLiteral: Rule<Given> = function* ({ secret }) {
  if (!Token.isUnresolved(secret)) yield { code: "secret_literal", prop: "secret", got: "a literal" };
};

const fleetIsValid: Rule<Given> = function* ({ fleet }) {
  if (Token.isUnresolved(fleet) || FLEET_SHAPE.test(fleet)) return;
  yield { code: "fleet_invalid", prop: "fleet", got: show(fleet) };
};

function* duration(prop: string, value: string | undefined, limit: number): Iterable<Finding> {
  if (value === undefined) return;
  const seconds = parseDuration(value);
  if (seconds !== undefined && seconds <= limit) return;
  const expected = `a duration such as "30s", "15m" or "2h", at most ${limit / HOUR}h`;
  yield { code: "duration_invalid", prop, got: show(value), expected };
}

const durationsAreValid: Rule<Given> = function* (props) {
  yield* duration("overdueAfter", props.overdueAfter, 7 * DAY);
  yield* duration("heartbeatInterval", props.heartbeatInterval, DAY);
  yield* waitIsValid(props.waitForConfigured);
};

const certificateIsPem: Rule<Given> = function* ({ caCertificate }) {
  if (caCertificate === undefined || Token.isUnresolved(caCertificate) || PEM_SHAPE.test(caCertificate)) return;
  yield { code: "certificate_invalid", prop: "caCertificate", got: show(caCertificate) };
};

/** What is wrong with a receiver's props. */
export const receiverRules: readonly Rule<Given>[] = [
  literalUrlIsAWebhook,
  secretIsNoLiteral,
  fleetIsValid,
  durationsAreValid,
  certificateIsPem,
];

/** What is wrong with a wait. */
export function* waitIsValid(wait: WaitForConfigured | undefined): Iterable<Finding> {
  if (typeof wait === "object") yield* duration("waitForConfigured.timeout", wait.timeout, DAY);
}

const fleetsByStack = new WeakMap<IConstruct, Set<string>>();

/** A finding when another Receiver of the same stack has this fleet. */
export function* fleetInUse(owner: Construct, fleet: string): Iterable<Finding> {
  const stack = TerraformStack.of(owner);
  const fleets = fleetsByStack.get(stack) ?? new Set<string>();
  if (fleets.has(fleet)) yield { code: "fleet_duplicate", prop: "fleet", got: show(fleet) };
  fleetsByStack.set(stack, fleets.add(fleet));
}
