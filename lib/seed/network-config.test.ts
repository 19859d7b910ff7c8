import { App, TerraformStack } from "cdktf";
import type { NetworkInterface } from "../hardware";
import { networkConfig, withMacAddresses } from "./network-config";

const scope = () => new TerraformStack(new App({ outdir: "unused" }), "dev");

function cards(...interfaces: Partial<NetworkInterface>[]) {
  return withMacAddresses(scope(), {
    interfaces: interfaces.map((one) => ({ bridge: "vmbr0", ...one })),
    fleet: "dev",
    name: "web-1",
  });
}

describe("the cards of a seed that names them", () => {
  it("keeps an address that is given", () => {
    expect(cards({ macAddress: "BC:24:11:00:00:01" })[0]?.macAddress).toBe("BC:24:11:00:00:01");
  });

  it("fails when an address is no unicast one, is a maker's, or changes from one synthesis to the next", () => {
    const [first, second] = [cards({}, {}), cards({}, {})];
    expect(first).toEqual(second);
    const addresses = first.map(({ macAddress = "" }) => macAddress);
    expect(new Set(addresses).size).toBe(2);
    for (const address of addresses) expect(address).toMatch(/^02(:[0-9A-F]{2}){5}$/);
  });

  it("fails when another VM or fleet has the same", () => {
    const of = (fleet: string, name: string) =>
      withMacAddresses(scope(), { interfaces: [{ bridge: "vmbr0" }], fleet, name })[0]?.macAddress;
    expect(new Set([of("dev", "web-1"), of("dev", "web-2"), of("prod", "web-1")]).size).toBe(3);
  });
});

describe("a network-config", () => {
  const config = (...interfaces: Partial<NetworkInterface>[]) =>
    networkConfig({ interfaces: cards(...interfaces) }).config;

  it.each<[string, Partial<NetworkInterface>, unknown[]]>([
    ["nothing", {}, [{ type: "dhcp4" }]],
    ["DHCP", { address: "dhcp" }, [{ type: "dhcp4" }]],
    ["IPv6 alone", { address6: "auto" }, [{ type: "ipv6_slaac" }]],
    ["DHCP for both", { address: "dhcp", address6: "dhcp" }, [{ type: "dhcp4" }, { type: "dhcp6" }]],
    [
      "static addresses",
      { address: "192.0.2.9/24", gateway: "192.0.2.1", address6: "2001:db8::9/64", gateway6: "fe80::1" },
      [
        { type: "static", address: "192.0.2.9/24", gateway: "192.0.2.1" },
        { type: "static6", address: "2001:db8::9/64", gateway: "fe80::1" },
      ],
    ],
  ])("says for %s what Proxmox would", (_label, nic, subnets) => {
    expect(config(nic)).toMatchObject([{ type: "physical", name: "eth0", subnets }]);
  });

  it("names each card by its address in lower case, and has the resolver once", () => {
    const network = { interfaces: cards({}, {}), dns: { servers: ["192.0.2.53"], domain: "example.com" } };
    expect(networkConfig(network)).toMatchObject({
      version: 1,
      config: [
        { name: "eth0", mac_address: network.interfaces[0]?.macAddress?.toLowerCase() },
        { name: "eth1" },
        { type: "nameserver", address: ["192.0.2.53"], search: ["example.com"] },
      ],
    });
  });
});
