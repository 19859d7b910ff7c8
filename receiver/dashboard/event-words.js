// An event of the log as a line for people, and what else it tells. No element of the page in here.
import { commit, count, duration, words } from "./words.js";

/** @typedef {{ position: number, received: string, event: { type: string, time: string, data: Record<string, any> } }} Stored */
/** @typedef {{ title: string, tone: string, lines: string[], tail: string[] }} Told */

const PREFIX = "io.nexus-pull.";

/** @param {Stored} stored */
export const typeOf = ({ event }) => (event.type.startsWith(PREFIX) ? event.type.slice(PREFIX.length) : event.type);

/** What the agent of another time sends may have another shape: it is shown as text, whatever it is. */
const list = (/** @type {unknown} */ value) => (Array.isArray(value) ? value : []);

const whole = (/** @type {unknown} */ value) => (typeof value === "number" ? value : 0);

/** @param {unknown} tasks */
export function taskLines(tasks) {
  return list(tasks).map(({ task, role, host, path, message }) => {
    const named = [role, task].filter(Boolean).join(" : ");
    const where = [host && host !== "localhost" ? `on ${host}` : "", path ? `(${path})` : ""].filter(Boolean).join(" ");
    return [named, where, message ? `– ${message}` : ""].filter(Boolean).join(" ");
  });
}

/** @param {any} diff */
export function diffWords(diff) {
  if (diff === undefined || diff === null) return undefined;
  const files = whole(diff.files_total ?? list(diff.files).length);
  return `+${whole(diff.lines_added)} −${whole(diff.lines_removed)} in ${count(files, "file")}`;
}

/** How a run went. @param {{ outcome?: string, ended?: string, reason?: string }} run */
export function runWords({ outcome, ended, reason }) {
  if (outcome === undefined && ended === undefined && reason !== undefined)
    return { tone: "Failed", result: "rejected" };
  if (outcome === undefined) {
    const open = ended === undefined;
    return { tone: open ? "Configuring" : "Drifted", result: open ? "going on" : "drift found" };
  }
  return { tone: ["failed", "interrupted"].includes(outcome) ? "Failed" : "Configured", result: outcome };
}

/** @param {Record<string, any>} d */
const took = (d) => (typeof d["duration_s"] === "number" ? ` in ${duration(d["duration_s"])}` : "");

/** @param {Record<string, any>} d */
function evidence(d) {
  const { evidence: e } = d;
  if (e === undefined) return "no evidence of work";
  const some = (/** @type {number} */ number, /** @type {string} */ word) => (number > 0 ? `${number} ${word}` : "");
  const parts = [
    `${e.tasks_run} run`,
    `${e.changed} changed`,
    some(e.failed, "failed"),
    some(e.unreachable, "unreachable"),
    some(e.ignored, "ignored"),
    some(e.rescued, "rescued"),
    some(e.skipped, "skipped"),
  ];
  return `tasks: ${parts.filter(Boolean).join(", ")}`;
}

/** @param {Record<string, any>} d */
function difference(d) {
  const diff = diffWords(d["diff_summary"]);
  return diff === undefined ? [] : [`diff: ${diff}`, ...list(d["diff_summary"].files).map((file) => `  ${file}`)];
}

/** @type {Record<string, (d: Record<string, any>) => [title: string, tone: string, ...lines: (string | undefined)[]]>} */
const TOLD = {
  "vm.expected": (d) => [
    `Announced at ${d["ref"]}`,
    "Expected",
    `instance ${d["instance_id"]}, due within ${duration(d["deadline_s"])}`,
  ],
  "vm.booted": (d) => [
    d["first_boot"] ? "First boot" : "Booted",
    "Booted",
    [list(d["addresses"]).join(", "), d["os"] ? `${d["os"].id} ${d["os"].version}` : "", `agent ${d["agent_version"]}`]
      .filter(Boolean)
      .join(" · "),
  ],
  "bootstrap.started": (d) => ["Bootstrap began", "Bootstrapping", list(d["steps"]).join(" → ") || undefined],
  "bootstrap.step": (d) => [
    `Step ${words(d["step"])}: ${d["status"]}${took(d)}`,
    d["status"] === "retrying" ? "Overdue" : "Bootstrapping",
    d["message"],
  ],
  "bootstrap.succeeded": (d) => [
    `Bootstrap done${took(d)}`,
    "Bootstrapping",
    `ansible-core ${d["ansible_version"]}`,
    list(d["installed"]).join(", ") || undefined,
  ],
  "bootstrap.failed": (d) => [
    `Bootstrap failed at ${words(d["step"])}: ${words(d["reason"])}`,
    "Failed",
    d["message"],
    d["command"] && `command: ${d["command"]}`,
  ],
  "run.queued": (d) => [`Run queued by ${words(d["trigger"])}`, "Configuring"],
  "run.skipped": (d) => [`Run skipped: ${words(d["reason"])}`, "Configured"],
  "run.source.verified": (d) => [
    `Source ${commit(d["intended_sha"])} accepted`,
    "Configuring",
    `policy ${d["policy"]}${d["signer"]?.principal ? `, signed by ${d["signer"].principal}` : ""}`,
  ],
  "run.source.rejected": (d) => [`Source rejected: ${words(d["reason"])}`, "Failed", d["message"]],
  "run.started": (d) => [`Run began at ${commit(d["intended_sha"])}`, "Configuring", list(d["playbooks"]).join(", ")],
  "run.progress": (d) => [`${d["tasks_run"]} tasks so far`, "Configuring", d["task"]],
  "run.succeeded": (d) => [
    `Run succeeded${took(d)}`,
    "Configured",
    evidence(d),
    ...taskLines(d["changed_tasks"]).map((line) => `changed: ${line}`),
    ...difference(d),
  ],
  "run.failed": (d) => [
    `Run failed${took(d)}: ${words(d["reason"])}`,
    "Failed",
    d["message"],
    ...taskLines(d["failed_tasks"]).map((line) => `failed: ${line}`),
    evidence(d),
    ...difference(d),
  ],
  "run.interrupted": (d) => [`Run interrupted: ${words(d["reason"])}`, "Failed", d["message"]],
  "vm.heartbeat": (d) => [
    "Heartbeat",
    "quiet",
    d["spool"]?.dropped > 0 ? `${d["spool"].dropped} events dropped so far` : undefined,
  ],
  "drift.detected": (d) => [
    "Drift found",
    "Drifted",
    evidence(d),
    ...taskLines(d["drifted_tasks"]).map((line) => `would change: ${line}`),
    ...difference(d),
  ],
  "vm.retired": () => ["Left out of the newest roster", "Retired"],
  "vm.released": () => ["Its machine was released: about to be destroyed", "Expected"],
  "vm.overdue": (d) => [`Overdue: ${words(d["deadline"])} was due ${duration(d["late_s"] ?? 0)} ago`, "Overdue"],
  "vm.stale": (d) => [`Silent for ${duration(d["silent_s"])}`, "Stale"],
  "vm.recovered": (d) => [
    `Heard again${d["silent_s"] === undefined ? "" : ` after ${duration(d["silent_s"])}`}`,
    "Configured",
  ],
  "vm.acknowledged": (d) => [
    "Somebody looks after it",
    "quiet",
    [d["phase"], words(d["reason"])].filter(Boolean).join(": "),
  ],
  "vm.impostor": (d) => [
    `Somebody else spoke: ${words(d["reason"])}`,
    "Failed",
    d["remote"] && `from ${d["remote"]}`,
    d["claimed_vm"] && `as ${d["claimed_vm"]}`,
  ],
};

/**
 * @param {Stored} stored
 * @returns {Told}
 */
export function tell(stored) {
  const { data } = stored.event;
  try {
    const [title, tone, ...lines] = (TOLD[typeOf(stored)] ?? (() => [typeOf(stored), "quiet"]))(data);
    return { title, tone, lines: lines.flatMap((line) => line || []), tail: list(data["tail"]).map(String) };
  } catch {
    // Kept as it came from an agent that is newer than this page.
    return { title: typeOf(stored), tone: "quiet", lines: [], tail: [] };
  }
}
