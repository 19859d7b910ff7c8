import type { IConstruct } from "constructs";
import { show, type Finding } from "../errors";
import type { CheckedProps } from "./checked-props";
import { addresses } from "./rules/network";
import { known } from "./values";

interface Claims {
  readonly names: Map<string, string>;
  readonly addresses: Map<string, string>;
}

const claimsByRoot = new WeakMap<IConstruct, Claims>();

/** What this VM has in common with another one of the tree and must not: its name in the fleet, an address, a MAC address. */
export function findConflicts(scope: IConstruct, props: CheckedProps): Finding[] {
  const { root } = scope.node;
  const claims = claimsByRoot.get(root) ?? { names: new Map(), addresses: new Map() };
  claimsByRoot.set(root, claims);
  const path = scope.node.path;
  const named =
    known(props.name) && known(props.fleet) ? claim(claims.names, `${props.fleet}/${props.name}`, path) : undefined;
  return [
    ...(named === undefined
      ? []
      : [{ code: "vm_name_duplicate" as const, prop: "name", got: `${show(props.name)}, as ${named}` }]),
    ...addresses(props.network).flatMap(([prop, value]) => {
      // Addresses may be the same on different bridges or VLANs; MAC addresses and addresses of one segment may not.
      const owner = claim(claims.addresses, `${segment(prop, props)} ${value}`, path);
      return owner === undefined || owner === path
        ? []
        : [{ code: "network_conflict" as const, prop, got: `${show(value)}, as ${owner}` }];
    }),
  ];
}

function segment(prop: string, props: CheckedProps): string {
  const nic = props.network?.[Number(/\d+/.exec(prop)?.[0])];
  return `${nic?.bridge}/${nic?.vlanId}`;
}

function claim(owners: Map<string, string>, key: string, path: string): string | undefined {
  const owner = owners.get(key);
  if (owner === undefined) owners.set(key, path);
  return owner;
}
