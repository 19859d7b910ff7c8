// What becomes of a refusal: it is counted, shown, written to the log, and answered.
import { printable } from "../intake/notes";
import type { AppDeps } from "./deps";
import { type Answer, answerOf, asRefusal } from "./problem";

/** Refused as the wrong answer to a question, not as an attempt to write. */
const UNREMARKABLE = ["path_unknown", "method_not_allowed", "vm_unknown", "forwarder_unknown", "shutting_down"];
/** What is left of a body that nobody reads would be taken for the next request. */
const CLOSES = ["body_too_large", "shutting_down"];

export function refused(deps: AppDeps, remote: string, error: unknown): Answer {
  const refusal = asRefusal(error);
  const { code } = refusal;
  if (code === "internal") deps.report(error);
  deps.metrics.refusals.inc({ code });
  const [last] = deps.refused.newest(1);
  // A flood is one line of the log, not a flood there.
  const isFlood = code === "rate_limited" && last?.code === code && last.remote === remote;
  if (!UNREMARKABLE.includes(code) && !isFlood) {
    const at = new Date(deps.now()).toISOString();
    const detail = printable(refusal.details.detail ?? refusal.rejection.meaning, 300);
    deps.refused.add({ at, remote, code, detail });
    deps.log({ kind: "refused", at, remote, code, detail });
  }
  return answerOf(refusal, CLOSES.includes(code));
}
