import { TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import { show, type Finding } from "../errors";
import type { CheckedProps } from "./checked-props";
import { addresses } from "./rules/network";
import { known } from "./values";

interface Claims {
  readonly names: Map<string, string>;
  readonly identities: Map<string, string>;
  readonly addresses: Map<string, string>;
  readonly anywhere: Map<string, { readonly path: string; readonly node: string }>;
}

const claimsByRoot = new WeakMap<IConstruct, Claims>();

function claimsOf(scope: IConstruct): Claims {
  const { root } = scope.node;
  const claims = claimsByRoot.get(root) ?? {
    names: new Map(),
    identities: new Map(),
    addresses: new Map(),
    anywhere: new Map(),
  };
  claimsByRoot.set(root, claims);
  return claims;
}

/** What this VM has in common with another one of the tree and must not: its name in the fleet, an address, a MAC address. */
export function findConflicts(scope: IConstruct, props: CheckedProps): Finding[] {
  const claims = claimsOf(scope);
  const path = scope.node.path;
  const named =
    known(props.name) && known(props.fleet) ? claim(claims.names, `${props.fleet}/${props.name}`, path) : undefined;
  return [
    ...(named === undefined ? sameIdentity(claims, props, path) : [duplicate(`${show(props.name)}, as ${named}`)]),
    ...addresses(props.network).flatMap(([prop, value]) => {
      // Addresses may be the same on different bridges or VLANs; MAC addresses and addresses of one segment may not.
      const owner = claim(claims.addresses, `${segment(scope, prop, props)} ${props.nodeName} ${value}`, path);
      return owner === undefined || owner === path
        ? []
        : [{ code: "network_conflict" as const, prop, got: `${show(value)}, as ${owner}` }];
    }),
  ];
}

function duplicate(got: string): Finding {
  return { code: "vm_name_duplicate", prop: "name", got };
}

/** Files and instance-id join fleet and name by a hyphen, which both may have: `a-b` and `c` read as `a` and `b-c`. */
function sameIdentity(claims: Claims, { fleet, name }: CheckedProps, path: string): Finding[] {
  if (!known(name) || !known(fleet)) return [];
  const owner = claim(claims.identities, `${fleet}-${name}`, path);
  return owner === undefined
    ? []
    : [duplicate(`${show(name)} in fleet ${show(fleet)}, whose snippets and instance-id would be those of ${owner}`)];
}

/** Addresses of this VM that another node's VM has on a bridge of the same name: it depends on the bridge whether they meet. */
export function findShared(scope: IConstruct, props: CheckedProps): Finding[] {
  const { anywhere } = claimsOf(scope);
  return addresses(props.network).flatMap(([prop, value]) => {
    const key = `${segment(scope, prop, props)} ${value}`;
    const owner = anywhere.get(key);
    if (owner === undefined) anywhere.set(key, { path: scope.node.path, node: props.nodeName });
    return owner === undefined || owner.node === props.nodeName
      ? []
      : [{ code: "network_shared" as const, prop, got: `${show(value)} on ${show(props.nodeName)}, as ${owner.path}` }];
  });
}

/** Of one stack: another one may be of another site. */
function segment(scope: IConstruct, prop: string, props: CheckedProps): string {
  const nic = props.network?.[Number(/\d+/.exec(prop)?.[0])];
  return `${TerraformStack.of(scope).node.path} ${nic?.bridge}/${nic?.vlanId}`;
}

function claim(owners: Map<string, string>, key: string, path: string): string | undefined {
  const owner = owners.get(key);
  if (owner === undefined) owners.set(key, path);
  return owner;
}
