// What stands beside a VM's timeline: commands, facts, conditions, its machines.
import { commandView } from "./command.js";
import { h } from "./dom.js";
import { age, commit, duration, words } from "./words.js";

/** @typedef {import("./vm.js").Detail} Detail */
/** @typedef {[string, import("./dom.js").Child]} Row */

/** What is typed next, on the VM but for the first and the last. @param {Detail} vm @returns {[string, string][]} */
function commandsOf(vm) {
  const [address] = vm.addresses ?? [];
  return [
    ...(address === undefined ? [] : [/** @type {[string, string]} */ (["Go there", `ssh root@${address}`])]),
    ["What the agent did", "journalctl -u nexus-pull --no-pager -n 100"],
    ["What ansible-pull said", "tail -n 100 /var/log/ansible-pull.log"],
    ["What cloud-init did", "cloud-init status --long"],
    ["Run now", "systemctl start nexus-pull"],
    ["Send what waits", "systemctl start nexus-pull-flush"],
    ["This, for a script", `curl -s '${location.origin}${vm.links["self"] ?? ""}' | jq`],
  ];
}

/** @param {Detail} vm */
export function conditions(vm) {
  const row = (/** @type {Detail["conditions"][number]} */ { type, status, reason, message, lastTransitionTime }) =>
    h(
      "li",
      { "data-status": status, title: message },
      h("span.condition-mark", { "aria-hidden": "true" }, status === "True" ? "✓" : status === "False" ? "✕" : "?"),
      h("span", {}, h("b", {}, type), h("span.visually-hidden", {}, ` is ${status}`)),
      h("code", {}, reason),
      age(lastTransitionTime),
    );
  return h("section", {}, h("h2", {}, "Conditions"), h("ul.conditions", {}, ...vm.conditions.map(row)));
}

/** @param {Detail} vm */
export function commands(vm) {
  return h("section", {}, h("h2", {}, "Commands"), h("ul.commands", {}, ...commandsOf(vm).map(commandView)));
}

/** What the machine says of itself. @param {any} said @returns {Row[]} */
function machineRows(said) {
  const { os, spool, uptime_s, disk_free_mib } = said;
  return [
    ["System", os && [os.id, os.version, os.kernel].filter(Boolean).join(" ")],
    ["Agent", said.agent_version],
    ["Ansible", said.ansible_version],
    ["Up for", typeof uptime_s === "number" && duration(uptime_s)],
    ["Disk free", typeof disk_free_mib === "number" && `${disk_free_mib.toLocaleString("en")} MiB`],
    ["Reboot", said.reboot_required === true && "required"],
    ["Unsent events", spool && `${spool.events}${spool.dropped > 0 ? `, ${spool.dropped} dropped` : ""}`],
  ];
}

/** @param {string | undefined} of */
const sha = (of) => of && h("code", { title: of }, commit(of));

/** @param {Detail} vm */
export function facts(vm) {
  const machine = vm.machines.find(({ phase }) => phase !== "Superseded");
  /** @type {Row[]} */
  const rows = [
    ["Address", (vm.addresses ?? []).join(", ")],
    ["Ref", vm.ref],
    ["Applied", sha(vm.applied_sha)],
    ["Intended", vm.intended_sha !== vm.applied_sha && sha(vm.intended_sha)],
    ["Heard", vm.last_heard && h("span", {}, age(vm.last_heard, true))],
    ["Instance", vm.instance_id],
    ...machineRows(machine?.facts ?? {}),
    ["Announced", vm.announced ? "yes" : "no: in no roster"],
  ];
  const shown = rows.filter(([, value]) => value !== undefined && value !== "" && value !== false);
  const cells = shown.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
  return h("section", {}, h("h2", {}, "Facts"), h("dl.facts", {}, ...cells));
}

/** @param {Detail} vm */
export function machines(vm) {
  if (vm.machines.length < 2) return null;
  const line = (/** @type {any} */ { stream, phase, reason, events, last_heard }) =>
    h(
      "li",
      {},
      h("code", {}, stream.slice(0, 8)),
      ` ${phase === "Superseded" ? "gone" : "current"}`,
      reason && `: ${words(reason)}`,
      `, ${events} events, heard `,
      age(last_heard, true),
    );
  return h("section", {}, h("h2", {}, "Machines"), h("ul.machines", {}, ...vm.machines.map(line)));
}
