// Why a VM is as it is: phase, evidence, since when, and what to do, in words.
import { reasons, rejections } from "@nexus-pull/contract";
import { ago, quote } from "../text";
import type { StoredEvent, Vm, VmDetail } from "./vms";

interface Explained {
  readonly code: string;
  readonly meaning: string;
  readonly evidence?: string;
  readonly remedy: string;
}

/** A code of the contract, offline. */
export function explain(code: string): Explained | undefined {
  return [...reasons, ...rejections].find((one) => one.code === code) as Explained | undefined;
}

export function explainedLines(found: Explained): string[] {
  const evidence = found.evidence === undefined ? [] : [`evidence: ${found.evidence}`];
  return [`${found.code}: ${found.meaning}`, ...evidence, `remedy:   ${found.remedy}`];
}

const NEVER_SPOKE = [
  "It has not been heard of. Look at, in this order:",
  "  1. its console in Proxmox: does it boot, and does it reach a login?",
  "  2. the seed: is the cloud-init drive or ISO attached, and is it this VM's? (Hardware, Cloud-Init)",
  "  3. on the VM: cloud-init status --long; /var/log/cloud-init.log; /var/log/cloud-init-output.log",
  "  4. the network: does it have an address and a resolver, and does it reach the receiver?",
  "     curl -fsS RECEIVER/healthz",
  "  5. the agent: systemctl status nexus-pull nexus-pull-flush; /var/log/ansible-pull.log",
];

const GOOD = new Set(["Configured", "Retired"]);

/** The lines that explain a VM. */
export function whyLines(vm: VmDetail, now: number): string[] {
  const state = `${vm.fleet}/${vm.vm}: ${vm.phase} (${vm.reason}) for ${ago(vm.since, now)}, since ${vm.since}`;
  const message = vm.message === undefined ? [] : [`  ${quote(vm.message, 500)}`];
  const explained = GOOD.has(vm.phase) ? undefined : explain(vm.reason);
  const remedy = explained === undefined ? [] : explainedLines(explained).map((line) => `  ${line}`);
  const silent = vm.last_heard === undefined && !GOOD.has(vm.phase) ? NEVER_SPOKE.map((line) => `  ${line}`) : [];
  return [
    state,
    ...message,
    ...evidenceLines(vm.timeline),
    ...conditionLines(vm),
    ...remedy,
    ...silent,
    ...commitLines(vm),
  ];
}

/** Of the newest failure: the tasks, where they stand, and the last lines of the output. */
function evidenceLines(timeline: readonly StoredEvent[]): string[] {
  const last = [...timeline].reverse().find(({ event: { type } }) => /\.(failed|rejected|interrupted)$/.test(type));
  if (last === undefined) return [];
  const { failed_tasks: tasks, tail, command } = last.event.data as FailureData;
  const named = (tasks ?? [])
    .slice(0, 5)
    .flatMap((one) => [
      `  task: ${quote(one.task)}${one.path === undefined ? "" : ` (${quote(one.path)})`}`,
      ...(one.message === undefined ? [] : [`    ${quote(one.message, 500)}`]),
    ]);
  const ran = command === undefined ? [] : [`  command: ${quote(command, 300)}`];
  const lines = (tail ?? []).slice(-10).map((one) => `    ${quote(one, 200)}`);
  return [...named, ...ran, ...(lines.length === 0 ? [] : ["  last lines:", ...lines])];
}

/** What run.failed and bootstrap.failed carry (contract/event.schema.json). */
interface FailureData {
  readonly failed_tasks?: readonly { readonly task: string; readonly path?: string; readonly message?: string }[];
  readonly tail?: readonly string[];
  readonly command?: string;
}

function conditionLines(vm: VmDetail): string[] {
  const wrong = vm.conditions.filter(({ status }) => status !== "True");
  return wrong.map(
    (one) =>
      `  ${one.type} is ${one.status}: ${one.reason}${one.message === undefined ? "" : ` (${quote(one.message)})`}`,
  );
}

function commitLines(vm: Vm): string[] {
  const { intended_sha: intended, applied_sha: applied } = vm;
  const commits =
    intended === undefined
      ? []
      : [`  intended commit ${intended.slice(0, 12)}, applied ${applied?.slice(0, 12) ?? "none"}`];
  const impostors =
    vm.impostors === undefined ? [] : [`  ${vm.impostors} times somebody spoke who must not (see nexus-pull events)`];
  return [...commits, ...impostors];
}
