import { parseDuration } from "../../ansible-pull/duration";
import type { Finding } from "../../errors";
import { show } from "../../errors";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";

const MINUTE = 60;
const DAY = 86_400;

/** Durations can be read, and the jitter does not reach into the next interval. */
export const scheduleRule: Rule<CheckedProps> = ({ schedule, runTimeout, bootstrapTimeout }) => {
  const timeout = [
    ...duration("runTimeout", runTimeout, 1, DAY),
    ...duration("bootstrapTimeout", bootstrapTimeout, 1, DAY),
  ];
  if (schedule === undefined) return timeout;
  const interval = duration("schedule.interval", schedule.interval, MINUTE, 31 * DAY);
  const jitter = duration("schedule.jitter", schedule.jitter, 1, DAY);
  const named = schedule.reapply === "always" || schedule.reapply === "never";
  const reapply = named ? [] : duration("schedule.reapply", schedule.reapply, MINUTE, 31 * DAY);
  const bad = [...interval, ...jitter, ...reapply];
  if (bad.length > 0) return [...timeout, ...bad];
  const reach = parseDuration(schedule.jitter ?? "1s") ?? 0;
  const above = reach > (parseDuration(schedule.interval) ?? 0);
  const got = `jitter ${show(schedule.jitter)} with interval ${show(schedule.interval)}`;
  return [...timeout, ...(above ? [{ code: "schedule_invalid" as const, prop: "schedule", got }] : [])];
};

function duration(prop: string, text: string | undefined, min: number, max: number): Finding[] {
  if (text === undefined) return [];
  const seconds = parseDuration(text);
  if (seconds === undefined) return [{ code: "duration_invalid", prop, got: show(text) }];
  if (seconds >= min && seconds <= max) return [];
  return [{ code: "schedule_invalid", prop, got: show(text), expected: `${min} seconds to ${max} seconds` }];
}
