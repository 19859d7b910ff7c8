import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";

/** Nothing can be waited for without a receiver. */
export const receiverRule: Rule<CheckedProps> = ({ receiver, waitForConfigured }) =>
  receiver === undefined && waitForConfigured !== undefined && waitForConfigured !== false
    ? [{ code: "receiver_missing", prop: "waitForConfigured", got: "a wait without a receiver" }]
    : [];
