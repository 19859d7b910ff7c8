import { BlockList, isIP } from "node:net";
import type { Finding } from "../../errors";
import { show } from "../../errors";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import type { NetworkInterface } from "../../hardware";
import { duplicates, items, known } from "../values";

interface Subnet {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

const MAC = /^[0-9A-F]{2}(?::[0-9A-F]{2}){5}$/i;
const DOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/** Addresses, gateways, MAC addresses and the resolver. */
export const networkRule: Rule<CheckedProps> = (props) => [
  ...items("network", props.network).flatMap(([prop, nic]) => [
    ...family(prop, "address", "gateway", nic.address, nic.gateway, "ipv4"),
    ...family(prop, "address6", "gateway6", nic.address6, nic.gateway6, "ipv6"),
    ...macAddress(`${prop}.macAddress`, nic.macAddress),
  ]),
  ...duplicates(addresses(props.network), "network_conflict"),
  ...items("dns.servers", props.dns?.servers).flatMap(([prop, server]) =>
    known(server) && isIP(server) === 0
      ? [{ code: "address_invalid" as const, prop, got: show(server), expected: "an IPv4 or IPv6 address" }]
      : [],
  ),
  ...(known(props.dns?.domain) && !DOMAIN.test(props.dns.domain)
    ? [{ code: "string_invalid" as const, prop: "dns.domain", got: show(props.dns.domain), expected: "a DNS domain" }]
    : []),
];

/** What must be unique among a VM's interfaces, and among the VMs of a stack. */
export function addresses(network: readonly NetworkInterface[] | undefined): [prop: string, value: string][] {
  return items("network", network).flatMap(([prop, nic]) =>
    [
      [`${prop}.macAddress`, known(nic.macAddress) ? nic.macAddress.toUpperCase() : undefined] as const,
      [`${prop}.address`, parseSubnet(nic.address)?.address] as const,
      [`${prop}.address6`, parseSubnet(nic.address6)?.address.toLowerCase()] as const,
    ].flatMap(([where, value]): [string, string][] => (value === undefined ? [] : [[where, value]])),
  );
}

function family(
  nic: string,
  addressProp: string,
  gatewayProp: string,
  address: string | undefined,
  gateway: string | undefined,
  version: Subnet["family"],
): Finding[] {
  const words = version === "ipv4" ? ["dhcp"] : ["dhcp", "auto"];
  const subnet = parseSubnet(address);
  const prop = `${nic}.${gatewayProp}`;
  const findings: Finding[] = [];
  if (known(address) && !words.includes(address) && subnet?.family !== version) {
    findings.push({
      code: "address_invalid",
      prop: `${nic}.${addressProp}`,
      got: show(address),
      expected: `${words.map((word) => `"${word}"`).join(", ")}, or an ${version === "ipv4" ? "IPv4" : "IPv6"} address with its prefix length`,
    });
  }
  if (!known(gateway)) return findings;
  if (subnet === undefined) {
    const staticToken = address !== undefined && !known(address);
    if (!staticToken)
      findings.push({ code: "gateway_invalid", prop, got: `${show(gateway)} without a static address` });
  } else if (!reaches(subnet, gateway)) {
    findings.push({ code: "gateway_invalid", prop, got: `${show(gateway)} for ${show(address)}` });
  }
  return findings;
}

function parseSubnet(text: string | undefined): Subnet | undefined {
  if (!known(text) || typeof text !== "string") return undefined;
  const match = /^([0-9A-Fa-f.:]+)\/(\d{1,3})$/.exec(text);
  const address = match?.[1] ?? "";
  const version = isIP(address);
  const prefix = Number(match?.[2]);
  if (version === 0 || prefix < 1 || prefix > (version === 4 ? 32 : 128)) return undefined;
  return { address, prefix, family: version === 4 ? "ipv4" : "ipv6" };
}

function reaches(subnet: Subnet, gateway: string): boolean {
  if (isIP(gateway) !== (subnet.family === "ipv4" ? 4 : 6)) return false;
  // A host route: hosters and EVPN give a single address, and its gateway is on the link all the same.
  if (subnet.prefix === (subnet.family === "ipv4" ? 32 : 128)) return true;
  const net = new BlockList();
  net.addSubnet(subnet.address, subnet.prefix, subnet.family);
  if (subnet.family === "ipv6") net.addSubnet("fe80::", 10, "ipv6");
  return net.check(gateway, subnet.family);
}

function macAddress(prop: string, mac: string | undefined): Finding[] {
  if (!known(mac)) return [];
  // The lowest bit of the first octet marks a group address, which no card can have.
  const unicast = MAC.test(mac) && (parseInt(mac.slice(0, 2), 16) & 1) === 0;
  return unicast ? [] : [{ code: "mac_invalid", prop, got: show(mac) }];
}
