// The network-config of a seed that Proxmox does not build: what Proxmox itself would write for the same props (PVE's
// Cloudinit.pm, nocloud_network: version 1, one physical device a card, named eth0, eth1, ... by its MAC address).
import { createHash } from "node:crypto";
import { Token } from "cdktf";
import type { Construct } from "constructs";
import { lazyExpression, operand } from "../opentofu/expressions";
import type { Dns, NetworkInterface } from "../hardware";

type Subnet = Record<string, string>;

/** What the addresses of a seed are made from. */
export interface NetworkConfigInput {
  readonly interfaces: readonly NetworkInterface[];
  readonly dns?: Dns;
}

/** The document as data; every card must have its MAC address (see `withMacAddresses`). */
export function networkConfig({ interfaces, dns }: NetworkConfigInput): Record<string, unknown> {
  const cards = interfaces.map((nic, index) => ({
    type: "physical",
    name: `eth${index}`,
    mac_address: lowerCase(nic.macAddress),
    subnets: [...ipv4(nic), ...ipv6(nic)],
  }));
  return { version: 1, config: [...cards, ...resolver(dns)] };
}

/**
 * The cards, each with a MAC address: its own, or one that follows from fleet, VM and place. The seed names a card by it,
 * and Proxmox would choose one only after the seed is written.
 */
export function withMacAddresses(
  scope: Construct,
  vm: { readonly interfaces: readonly NetworkInterface[]; readonly fleet: string; readonly name: string },
): NetworkInterface[] {
  return vm.interfaces.map((nic, index) => ({
    ...nic,
    macAddress: nic.macAddress ?? macAddress(scope, `${vm.fleet}/${vm.name}/net${index}`, index),
  }));
}

/** Unicast and locally administered (02:...): no maker's address, and the same at every synthesis. */
function macAddress(scope: Construct, card: string, index: number): string {
  if (Token.isUnresolved(card)) {
    const digest = `substr(sha256(${operand(scope, `card-${index}`, card)}), 0, 10)`;
    return lazyExpression(() => `upper(join(":", concat(["02"], regexall("..", ${digest}))))`);
  }
  const digest = createHash("sha256").update(card).digest("hex").slice(0, 10);
  return ["02", ...(digest.match(/../g) ?? [])].join(":").toUpperCase();
}

function lowerCase(mac: string | undefined): string | undefined {
  return mac === undefined || Token.isUnresolved(mac) ? mac : mac.toLowerCase();
}

function ipv4({ address, address6, gateway }: NetworkInterface): Subnet[] {
  if (address === undefined) return address6 === undefined ? [{ type: "dhcp4" }] : [];
  if (address === "dhcp") return [{ type: "dhcp4" }];
  return [{ type: "static", address, ...(gateway !== undefined && { gateway }) }];
}

function ipv6({ address6, gateway6 }: NetworkInterface): Subnet[] {
  switch (address6) {
    case undefined:
      return [];
    case "dhcp":
      return [{ type: "dhcp6" }];
    case "auto":
      return [{ type: "ipv6_slaac" }];
    default:
      return [{ type: "static6", address: address6, ...(gateway6 !== undefined && { gateway: gateway6 }) }];
  }
}

function resolver(dns: Dns | undefined): Record<string, unknown>[] {
  if (dns === undefined) return [];
  const search = dns.domain === undefined ? {} : { search: [dns.domain] };
  return [{ type: "nameserver", address: dns.servers, ...search }];
}
