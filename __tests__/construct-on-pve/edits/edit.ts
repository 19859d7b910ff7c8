// What an edit is: a VM before and after it. The suite of effects plans each.
import { TerraformVariable } from "cdktf";
import type { TerraformStack } from "cdktf";
import type { NexusVariables, NexusVmPullProps, ProxmoxProvider, Receiver, ReceiverProps } from "../../../lib";
import { SSH_KEY } from "../../support/matrix";

/** What an edit may use. */
export interface EditContext {
  readonly stack: TerraformStack;
  readonly vars: NexusVariables;
  readonly secret: (name: string) => string;
  /** A receiver of the VM's own, in the fleet `fleet`. */
  readonly receiver: (props?: Partial<ReceiverProps>) => Receiver;
  readonly fleet: string;
  readonly provider: ProxmoxProvider;
  /** POST address of another receiver. */
  readonly otherUrl: string;
}

export type Props = Partial<NexusVmPullProps>;
export type Make = (context: EditContext) => Props;

/** An edit: the VM before and after it, beside what both have. */
export interface Edit {
  readonly before: Make;
  readonly after: Make;
}

/** What every VM of the suite has, unless its edit says otherwise. */
export const RICH: Props = {
  network: [
    {
      bridge: "vmbr0",
      address: "192.0.2.10/24",
      gateway: "192.0.2.1",
      address6: "2001:db8::10/64",
      gateway6: "fe80::1",
    },
  ],
  dns: { servers: ["192.0.2.53"], domain: "example.com" },
  diskGiB: 20,
  dataDisks: [{ sizeGiB: 10 }],
  startup: { order: 1, upDelaySeconds: 10, downDelaySeconds: 10 },
  // The seed without the agent's 84 kB, which OpenTofu would write into the state again for each of all these VMs and files.
  agent: "image",
  users: [{ name: "ops", sshAuthorizedKeys: [SSH_KEY], groups: ["adm"], sudo: "ALL=(ALL) ALL", shell: "/bin/sh" }],
};

export const same: Make = () => ({});
export const to = (props: Props): Edit => ({ before: same, after: () => props });
export const between = (before: Props, after: Props): Edit => ({ before: () => before, after: () => after });
/** What a sensitive variable of an edit holds. */
export const secretValueOf = (name: string): string => `value-of-${name}`;

/** The value of a sensitive variable that is declared when it is asked for the first time. */
export function secretOf(stack: TerraformStack): (name: string) => string {
  return (name) => {
    const known = stack.node.tryFindChild(name) as TerraformVariable | undefined;
    return (known ?? new TerraformVariable(stack, name, { sensitive: true, default: secretValueOf(name) })).stringValue;
  };
}
