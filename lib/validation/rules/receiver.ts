import { show, type Finding } from "../../errors";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";

/** Nothing can be waited for without a receiver, and a VM reports as a member of its receiver's fleet. */
export const receiverRule: Rule<CheckedProps> = ({ receiver, waitForConfigured, fleet }) => [
  ...waitFindings(receiver !== undefined || waitForConfigured === undefined || waitForConfigured === false),
  ...(receiver === undefined || receiver.fleet === fleet ? [] : [mismatch(fleet, receiver.fleet)]),
];

function waitFindings(possible: boolean): Finding[] {
  return possible ? [] : [{ code: "receiver_missing", prop: "waitForConfigured", got: "a wait without a receiver" }];
}

function mismatch(fleet: string, receiverFleet: string): Finding {
  return { code: "fleet_mismatch", prop: "fleet", got: `${show(fleet)} with a receiver of ${show(receiverFleet)}` };
}
