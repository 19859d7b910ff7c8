// The catalogue of what an audit can find.
import type { Grade } from "./types";

export interface Rule {
  readonly code: string;
  readonly half: "tofu" | "ansible" | "file";
  readonly title: string;
  /** Grade where nothing at the place says otherwise. */
  readonly grade: Grade;
  readonly why: string;
  readonly remedy: string;
}

const tofu = (code: string, title: string, why: string, remedy: string, grade: Grade = "change"): Rule => ({
  code,
  half: "tofu",
  title,
  grade,
  why,
  remedy,
});
const ansible = (code: string, grade: Grade, title: string, why: string, remedy: string): Rule => ({
  code,
  half: "ansible",
  title,
  grade,
  why,
  remedy,
});
const file = (code: string, title: string, why: string, remedy: string): Rule => ({
  code,
  half: "file",
  title,
  grade: "change",
  why,
  remedy,
});

const OPENTOFU: readonly Rule[] = [
  tofu(
    "ansible_navigator_run",
    "ansible_navigator_run",
    "it runs Ansible from the runner over SSH, in a container, while apply waits: one failure ends the whole apply",
    "remove it; a NexusVmPull with the same playbook lets the VM configure itself (nexus-pull migrate writes it)",
  ),
  tofu(
    "ansible_provider",
    "resource of an Ansible provider",
    "the provider builds an inventory or runs a playbook on the runner, which in pull has neither Ansible nor SSH",
    "remove it; variables of the host become extraVars, group_vars or host_vars of the Ansible repository",
  ),
  tofu(
    "remote_exec",
    "provisioner remote-exec",
    "it needs SSH from the runner into the guest and holds the apply until it is there",
    "make its commands tasks of the playbook, or cloudConfig.runcmd where Ansible is not there yet",
  ),
  tofu(
    "file_provisioner",
    "provisioner file",
    "it copies over SSH from the runner into the guest",
    "make it a copy or template task of the playbook, or cloudConfig.write_files",
  ),
  tofu(
    "local_exec_ansible",
    "local-exec that runs Ansible",
    "the runner needs Ansible, its collections and SSH into the guest, and apply waits for the play",
    "remove it; a NexusVmPull with the same playbook lets the VM configure itself",
  ),
  tofu(
    "local_exec_ssh",
    "local-exec that uses SSH",
    "the runner needs a way and a key into the guest",
    "make its commands tasks of the playbook",
  ),
  tofu(
    "connection",
    "connection block",
    "it holds an address and a credential for SSH or WinRM from the runner into the guest",
    "remove it together with the provisioners that use it",
  ),
  tofu(
    "provisioner_wrapper",
    "null_resource or terraform_data around push provisioners",
    "the resource exists only to run something over SSH or Ansible after the VM is there",
    "remove it; use `removed { lifecycle { destroy = false } }` where its destroy provisioner must not run",
  ),
  tofu(
    "docker_execution_environment",
    "Docker for an Ansible execution environment",
    "it needs a Docker daemon on the runner; in pull Ansible runs on the VM",
    "remove it; what the image brought (collections, Python packages) goes to requirements.yml or the golden image",
  ),
  tofu(
    "guest_address_wait",
    "wait for the guest or for its address",
    "apply, and every later plan, waits until the guest agent names an address or a time is over",
    "remove it: name machines by their static address, or read addresses from the receiver (nexus-pull status)",
  ),
];

const ANSIBLE: readonly Rule[] = [
  ansible(
    "delegate_to",
    "blocker",
    "delegate_to",
    "there is only one host in a pull run: the task is done on the VM itself, or fails on a host that it cannot reach",
    "take the task out of the VM's play: call an API from the VM, or do it in OpenTofu or in a pipeline",
  ),
  ansible(
    "local_action",
    "blocker",
    "local_action",
    "local is the VM itself in pull, not the controller: the task is silently done in the wrong place",
    "take the task out of the VM's play: call an API from the VM, or do it in OpenTofu or in a pipeline",
  ),
  ansible(
    "run_once",
    "change",
    "run_once",
    "each VM runs alone, so once becomes once on every VM, at the same time",
    "make the task idempotent under concurrency, or choose one VM by name: when: inventory_hostname == '...'",
  ),
  ansible(
    "vars_prompt",
    "blocker",
    "vars_prompt",
    "nobody answers on a VM: the default is taken silently, or the variable is empty",
    "make it a variable: extraVars, group_vars, or a secret from Vault",
  ),
  ansible(
    "pause",
    "change",
    "pause",
    "nobody presses a key on a VM: a prompt is passed over with a warning, a time is waited for on each VM",
    "wait for the thing itself (wait_for, until/retries), and take the confirmation to the pipeline",
  ),
  ansible(
    "serial",
    "change",
    "serial or throttle",
    "VMs do not know of each other: all of them would change in the same window",
    "spread runs by Schedule's jitter, pin commits per group of VMs, or hold a lock in the play",
  ),
  ansible(
    "strategy",
    "works",
    "strategy",
    "a strategy arranges several hosts; a pull run has one",
    "remove it; a strategy plugin that is not Ansible's own must travel in the repository",
  ),
  ansible(
    "other_hosts",
    "change",
    "hostvars, groups or the play's other hosts",
    "a pull run gathers no facts of other hosts and has only the inventory of the repository",
    "put the values into group_vars or extraVars, or look them up where they are known (DNS, an API, OpenTofu)",
  ),
  ansible(
    "add_host",
    "blocker",
    "add_host",
    "the following play would run against hosts that the VM has no way into",
    "describe the machine in OpenTofu: each one gets its own NexusVmPull",
  ),
  ansible(
    "several_groups",
    "change",
    "plays over several groups",
    "each VM runs only what matches it, and nothing keeps the order between groups any more",
    "one playbook a role of VM (playbooks: [...] of its NexusVmPull), or an inventory in the repository that has the VM",
  ),
  ansible(
    "dynamic_inventory",
    "change",
    "dynamic inventory",
    "each VM would ask the platform's API, with a credential that it must not have",
    "a static inventory in the repository, or the default one of just localhost with extraVars a VM",
  ),
  ansible(
    "controller_lookup",
    "change",
    "lookup on the controller",
    "lookups run where Ansible runs: on the VM, which has neither the operator's files nor environment nor password store",
    "commit the file, or hand the value over as a variable, a vault secret or from Vault/OpenBao",
  ),
  ansible(
    "wait_for_connection",
    "works",
    "wait_for_connection",
    "the connection is local and always there: nothing is waited for",
    "remove it",
  ),
  ansible(
    "become_password",
    "change",
    "password for become or for the login",
    "the agent runs as root and nobody types: the password is not needed and must not be spread over VMs",
    "remove it; become without a password works",
  ),
  ansible(
    "vault_secret",
    "change",
    "ansible-vault secret",
    "each VM needs the vault password to decrypt it, and can then read all that is encrypted with it",
    "give it as vaultPassword (a sensitive variable), or move the secret to Vault/OpenBao (vault)",
  ),
  ansible(
    "outside_repository",
    "blocker",
    "file or role outside the repository",
    "a VM has the checked-out repository and nothing else of the controller's disk",
    "commit it, or name it in requirements.yml with an address that the VM can reach",
  ),
  ansible(
    "controller_callback",
    "change",
    "callback that expects a controller",
    "the callback would report from every VM, and needs a service and a credential there",
    "remove it: runs are reported to the receiver, whose forwarders speak to Slack, Alertmanager or ARA",
  ),
  ansible(
    "reboot",
    "blocker",
    "reboot in a play",
    "the reboot module refuses a local connection, and a command ends the run in its middle",
    "set a flag file that a systemd unit acts on after the run, or reboot in the golden image's build",
  ),
  ansible(
    "pinned_interpreter",
    "change",
    "pinned Python interpreter",
    "modules run with the Python of the agent's Ansible; a pinned path may be missing or lack its packages",
    'remove it, or write "{{ ansible_playbook_python }}"',
  ),
  ansible(
    "fetch",
    "change",
    "fetch",
    "the controller is the VM itself: the file is copied to where it came from, and nobody gets it",
    "send it to a store from the VM",
  ),
];

const FILES: readonly Rule[] = [
  file(
    "file_syntax",
    "file that does not parse",
    "what stands in it was not judged, or only in part",
    "mend it and audit again",
  ),
  file(
    "file_unreadable",
    "file that cannot be read",
    "what stands in it was not judged",
    "make it readable, UTF-8 text",
  ),
  file("file_too_large", "file beyond the audit's limits", "what stands in it was not judged", "look at it yourself"),
  file("too_much", "more than the audit's limits", "the rest was not judged", "audit a smaller folder"),
];

export const RULES: ReadonlyMap<string, Rule> = new Map(
  [...OPENTOFU, ...ANSIBLE, ...FILES].map((rule) => [rule.code, rule]),
);
