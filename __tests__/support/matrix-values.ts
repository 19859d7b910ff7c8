// The matrix as it is at plan time: the same cases, with the values of the variables instead of tokens.
import type { TerraformStack } from "cdktf";
import type { NexusVariables, NexusVmPullProps, Receiver } from "../../lib";
import { agentProgram } from "../../lib/seed/agent-program";
import { Git } from "../../lib";
import type { IntendedReceiver, IntendedVm } from "./intended";
import { MATRIX, PEM } from "./matrix";

/** The one terraform.tfvars that must keep working, to the letter. */
export const TFVARS = `proxmox_endpoint = "https://127.0.0.1:1"
proxmox_username = "root@pam"
proxmox_password = "not-used-by-a-plan"
proxmox_node     = "pve"
template_vm_id   = 9000
ansible_repo_url = "https://git.example/ops/ansible.git"
`;

/** What may be given beside it. */
export const MORE_TFVARS = `${TFVARS}
git_token               = "value-of-git-token"
webhook_url             = "https://receiver.example:9191/webhook"
webhook_secret          = "value-of-webhook-secret"
proxmox_api_token       = "root@pam!ci=00000000-0000-4000-8000-000000000000"
proxmox_insecure        = true
proxmox_ssh_username    = "deploy"
proxmox_ssh_private_key = "-----BEGIN OPENSSH PRIVATE KEY-----"
`;

/** The value of a case's own secret; long enough for what it may be. */
export function secretValue(name: string): string {
  return name === "deploy_key" ? "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n" : `value-of-${name}`;
}

/** Whether a case needs a variable of its own, which the plain terraform.tfvars has not. */
export function usesSecrets(label: string): boolean {
  let used = false;
  propsOf(label, false, () => (used = true));
  return used || label === "receiver by literal address";
}

type Values = Readonly<Record<keyof NexusVariables, unknown>>;

function propsOf(
  label: string,
  more: boolean,
  onSecret: () => void,
): { props: Partial<NexusVmPullProps>; receiver?: IntendedReceiver; fleet?: string } {
  const vars: Partial<Values> = {
    proxmoxNode: "pve",
    templateVmId: 9000,
    ansibleRepoUrl: "https://git.example/ops/ansible.git",
    gitToken: more ? "value-of-git-token" : "",
    vmDatastore: "local-lvm",
    snippetsDatastore: "local",
    networkBridge: "vmbr0",
  };
  const secret = more ? "value-of-webhook-secret" : "";
  let receiver: IntendedReceiver | undefined;
  let fleet: string | undefined;
  const props = MATRIX[label]?.({
    stack: undefined as unknown as TerraformStack,
    vars: vars as unknown as NexusVariables,
    secret: (name) => {
      onSecret();
      return secretValue(name);
    },
    receiver: ({ literal = false } = {}) => {
      const url = "https://receiver.example:9191/webhook";
      receiver = literal ? { url, secret, caCertificate: PEM } : { url: more ? url : "", secret };
      if (literal) fleet = "matrix-literal";
      return undefined as unknown as Receiver;
    },
  });
  return { props: props ?? {}, receiver, fleet };
}

/** What a case's VM is meant to get. */
export function intendedOf(label: string, name: string, more: boolean): IntendedVm {
  const { props, receiver, fleet } = propsOf(label, more, () => undefined);
  const { version, sha256 } = agentProgram();
  return {
    props: {
      name,
      nodeName: "pve",
      templateVmId: 9000,
      source: Git.https("https://git.example/ops/ansible.git"),
      ...props,
    },
    fleet: props.fleet ?? fleet ?? "matrix",
    receiver,
    agent: { version, sha256 },
  };
}
