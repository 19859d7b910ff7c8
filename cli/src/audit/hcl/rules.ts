// What OpenTofu code has that pull has no place for: one pass over each resource.
import type { Findings } from "../findings";
import type { Place } from "../types";
import {
  ANSIBLE_TYPES,
  EXECUTION_ENVIRONMENT,
  GUEST_ADDRESS,
  NAVIGATOR_TYPES,
  VM_TYPES,
  WRAPPERS,
} from "./known-types";
import { shellUses, type ShellUse } from "./shell";
import { attribute, everyAttribute, everyBlock, nested, type Attribute, type Block, type Expression } from "./tree";

/** What rules need to know of the module around a block. */
export interface ModuleContext {
  readonly findings: Findings;
  readonly blocks: readonly Block[];
  /** Text of a script that a command names, when it is in the tree. */
  readonly script: (command: string, file: string) => string | undefined;
}

/** Judges one module. */
export function judgeModule(context: ModuleContext): void {
  for (const block of context.blocks) {
    if (/^(resource|data|ephemeral)$/.test(block.type)) judgeResource(block, context);
    else judgeAddresses(block, context.findings);
  }
  judgeDocker(context);
}

function judgeResource(block: Block, context: ModuleContext): void {
  const { findings } = context;
  const [type = "", name = ""] = block.labels;
  const named = `${type}.${name}`;
  if (NAVIGATOR_TYPES.test(type)) findings.add("ansible_navigator_run", block, `${block.type} ${named}`);
  else if (ANSIBLE_TYPES.test(type)) findings.add("ansible_provider", block, `${block.type} ${named}`);
  if (block.type === "data" && type === "external") judgeProgram(block, context);
  if (block.type === "resource") {
    const pushes = judgeProvisioners(block, context);
    if (WRAPPERS.has(type) && pushes) findings.add("provisioner_wrapper", block, named);
    judgeWaits(block, context);
  }
  judgeAddresses(block, findings);
}

/** Whether one of them is a push. */
function judgeProvisioners(resource: Block, context: ModuleContext): boolean {
  let pushes = false;
  for (const [block, parents] of everyBlock(resource.blocks)) {
    if (block.type === "connection" && parents.every((one) => one.type === "provisioner")) {
      const kind = attribute(block, "type")?.value.literal ?? "ssh";
      context.findings.add("connection", block, `connection by ${String(kind)}`);
      pushes = true;
    }
    if (block.type === "provisioner") pushes = judgeProvisioner(block, context) || pushes;
  }
  return pushes;
}

function judgeProvisioner(block: Block, context: ModuleContext): boolean {
  const { findings } = context;
  const kind = block.labels[0] ?? "";
  if (kind === "remote-exec") findings.add("remote_exec", block, 'provisioner "remote-exec"');
  else if (kind === "file") findings.add("file_provisioner", block, 'provisioner "file"');
  else if (/^ansible/.test(kind)) findings.add("ansible_provider", block, `provisioner "${kind}"`);
  else if (kind === "local-exec") return judgeLocalExec(block, context);
  else return false;
  return true;
}

function judgeLocalExec(block: Block, context: ModuleContext): boolean {
  const command = attribute(block, "command")?.value;
  const interpreter = attribute(block, "interpreter")?.value;
  if (command === undefined) return false;
  const text = commandText(command, interpreter, context);
  const uses = usesOf(text, command, context);
  // The line where the command stands, not its resource: that is where somebody has to look.
  if (uses.has("ansible")) context.findings.add("local_exec_ansible", block, `local-exec: ${text}`);
  if (uses.has("ssh")) context.findings.add("local_exec_ssh", block, `local-exec: ${text}`);
  const waits = uses.has("wait") && !uses.has("ansible") && !uses.has("ssh");
  if (waits) context.findings.add("guest_address_wait", block, `local-exec: ${text}`);
  return uses.size > 0;
}

/** The command as a shell would read it; a name for one that stands elsewhere. */
function commandText(command: Expression, interpreter: Expression | undefined, context: ModuleContext): string {
  const words = (interpreter?.elements ?? []).map((one) => one.text);
  const text = command.text === "" ? localTexts(command, context) : `${command.text} ${localTexts(command, context)}`;
  const shell = /^(bash|sh|dash|zsh|ash|ksh|env|pwsh|cmd)$/.test((words[0] ?? "").split("/").at(-1) ?? "");
  return words.length === 0 || shell ? text : `${words.join(" ")} ${text}`;
}

/** The texts of the locals and variable defaults that an expression names. */
function localTexts(value: Expression, { blocks }: ModuleContext, depth = 0): string {
  if (depth > 4) return "";
  const texts = value.references.flatMap(({ path: [head, name] }) => {
    if (head === "local") {
      const found = blocks.filter((one) => one.type === "locals").flatMap((one) => attribute(one, name ?? "") ?? []);
      return found.map(
        (one) => `\n${one.value.text}\n${localTexts(one.value, { blocks } as ModuleContext, depth + 1)}`,
      );
    }
    if (head !== "var") return [];
    const variable = blocks.find((one) => one.type === "variable" && one.labels[0] === name);
    return variable === undefined ? [] : [`\n${attribute(variable, "default")?.value.text ?? ""}`];
  });
  return texts.join("\n").trim();
}

function usesOf(text: string, command: Expression, context: ModuleContext): Set<ShellUse> {
  const uses = shellUses(text);
  const script = context.script(text, command.file);
  if (script !== undefined) for (const use of shellUses(script)) uses.add(use);
  return uses;
}

function judgeProgram(block: Block, context: ModuleContext): void {
  const program = attribute(block, "program")?.value;
  if (program === undefined) return;
  const text = program.elements?.map((one) => one.text).join(" ") ?? program.text;
  const uses = usesOf(text, program, context);
  if (uses.has("ansible")) context.findings.add("local_exec_ansible", block, `external program: ${text}`);
  if (uses.has("ssh")) context.findings.add("local_exec_ssh", block, `external program: ${text}`);
}

const TRUE = (value: Attribute | undefined): boolean => value?.value.literal === true || value?.value.literal === 1;

function judgeWaits(block: Block, { findings, blocks }: ModuleContext): void {
  const [type = "", name = ""] = block.labels;
  if (type === "time_sleep" && waitsForMachine(block, blocks)) {
    findings.add("guest_address_wait", block, `time_sleep.${name} after a machine`);
  }
  if (!VM_TYPES.has(type)) return;
  for (const agent of nested(block, "agent")) judgeAgent(agent, findings);
  const words: Record<string, (value: Attribute) => boolean> = {
    wait_for_guest_net_timeout: ({ value }) => value.literal !== 0 && value.literal !== -1,
    wait_for_guest_ip_timeout: ({ value }) => value.literal !== 0 && value.literal !== -1,
    agent_timeout: () => true,
    guest_agent_ready_timeout: () => true,
    additional_wait: ({ value }) => value.literal !== 0,
    define_connection_info: TRUE,
    wait_for_ip: TRUE,
    expected_ip_cidr: () => true,
    wait_for_lease: TRUE,
  };
  for (const one of everyAttribute(block)) {
    if (words[one.name]?.(one) === true) findings.add("guest_address_wait", one, `${one.name} of ${type}.${name}`);
  }
}

/** bpg/proxmox: a wait that somebody tuned; a plain `enabled = true` is what every golden image wants. */
function judgeAgent(agent: Block, findings: Findings): void {
  if (attribute(agent, "enabled")?.value.literal === false) return;
  const waits = nested(agent, "wait_for_ip");
  if (waits.some((one) => TRUE(attribute(one, "disabled")))) return;
  for (const wait of waits) {
    const asked = wait.attributes.some((one) => one.name !== "disabled" && one.value.literal !== false);
    if (asked) findings.add("guest_address_wait", wait, "agent.wait_for_ip");
  }
  const timeout = attribute(agent, "timeout");
  if (timeout !== undefined) findings.add("guest_address_wait", timeout, "agent.timeout");
}

function waitsForMachine(block: Block, blocks: readonly Block[]): boolean {
  const references = [...everyAttribute(block)].flatMap((one) => one.value.references);
  return references.some(({ path: [head, second] }) => {
    if (VM_TYPES.has(head ?? "")) return true;
    if (head !== "module") return false;
    return blocks.some((one) => one.type === "module" && one.labels[0] === second);
  });
}

/** Heads whose attributes are not a machine's: a variable may be named like one. */
const NOT_A_MACHINE = new Set(["var", "local", "data", "module", "path", "terraform"]);

function judgeAddresses(block: Block, findings: Findings): void {
  for (const { value } of everyAttribute(block)) {
    for (const reference of value.references) {
      const [head = "", ...rest] = reference.path;
      const found = rest.find((one) => GUEST_ADDRESS.test(one));
      if (found === undefined || NOT_A_MACHINE.has(head) || isOtherResource(head)) continue;
      findings.add("guest_address_wait", reference as Place, reference.path.join(".").replace(/^\?\./, ""));
    }
  }
}

/** A resource type, but no machine's: `cloudflare_ip_ranges.x.ipv4_addresses`. */
function isOtherResource(head: string): boolean {
  return head.includes("_") &&
    !VM_TYPES.has(head) &&
    !/^(each|self|count)$/.test(head) &&
    /^[a-z]+_[a-z0-9_]+$/.test(head)
    ? /^(cloudflare|aws|azurerm|google|docker|kubernetes|helm|null|local|random|tls|hcloud)_/.test(head)
    : false;
}

function judgeDocker({ blocks, findings }: ModuleContext): void {
  const isDocker = /^docker_(image|container|registry_image)$/;
  const docker = blocks.filter((one) => /^(resource|data)$/.test(one.type) && isDocker.test(one.labels[0] ?? ""));
  const images = new Set(docker.filter(isExecutionEnvironment).map((one) => one.labels.join(".")));
  const environments = docker.filter((one) => images.has(one.labels.join(".")) || refersTo(one, images));
  const navigator = blocks.some((one) => NAVIGATOR_TYPES.test(one.labels[0] ?? ""));
  for (const one of environments) {
    findings.add("docker_execution_environment", one, `${one.labels.join(".")}`);
  }
  // A provider that runs other containers, too, stays.
  const forAnsible = environments.length > 0 ? environments.length === docker.length : navigator && docker.length === 0;
  if (!forAnsible) return;
  for (const one of blocks) {
    if (one.type === "provider" && one.labels[0] === "docker") {
      findings.add("docker_execution_environment", one, 'provider "docker"');
    }
  }
}

/** A container of an image that is declared beside it. */
function refersTo(block: Block, addresses: ReadonlySet<string>): boolean {
  const references = [...everyAttribute(block)].flatMap(({ value }) => value.references);
  return references.some(({ path }) => addresses.has(path.slice(0, 2).join(".")));
}

function isExecutionEnvironment(block: Block): boolean {
  const words = ["name", "image"].flatMap((one) => attribute(block, one)?.value.text ?? []);
  const named = [...everyAttribute(block)].some(
    (one) => one.name === "command" && shellUses(one.value.text).has("ansible"),
  );
  return named || [block.labels[1] ?? "", ...words].some((text) => EXECUTION_ENVIRONMENT.test(text));
}
