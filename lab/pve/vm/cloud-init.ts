// What Proxmox writes on a VM's cloud-init drive, and how it derives the instance-id.
import { createHash } from "node:crypto";
import type { Cluster, Node, SeedFiles, Vm } from "../world/cluster";
import { parseProperties } from "../api/property-string";
import { needVolume } from "../world/volumes";

type Config = ReadonlyMap<string, string>;

function userData(config: Config): string {
  const name = config.get("name") ?? "vm";
  const [host = name] = name.split(".");
  const keys = decodeURIComponent(config.get("sshkeys") ?? "")
    .split("\n")
    .filter((key) => key.trim() !== "");
  const lines = ["#cloud-config", `hostname: ${host}`, "manage_etc_hosts: true"];
  const domain = config.get("searchdomain");
  if (name.includes(".")) lines.push(`fqdn: ${name}`);
  else if (domain !== undefined) lines.push(`fqdn: ${host}.${domain}`);
  if (config.has("ciuser")) lines.push(`user: ${config.get("ciuser")}`);
  if (config.has("cipassword")) lines.push(`password: ${config.get("cipassword")}`);
  if (keys.length > 0) lines.push("ssh_authorized_keys:", ...keys.map((key) => `  - ${key.trim()}`));
  lines.push("chpasswd:", "  expire: False");
  if (config.get("ciuser") !== "root") lines.push("users:", "  - default");
  lines.push(`package_upgrade: ${config.get("ciupgrade") === "0" ? "false" : "true"}`);
  return `${lines.join("\n")}\n`;
}

function netmask(prefix: number): string {
  return [24, 16, 8, 0].map((shift) => ((0xffffffff << (32 - prefix)) >>> shift) & 255).join(".");
}

function ipv4Subnet(ip: string, gateway: string | undefined): string[] {
  if (ip === "dhcp") return ["      - type: dhcp4"];
  const [address = "", prefix = "32"] = ip.split("/");
  const route = gateway === undefined ? [] : [`        gateway: '${gateway}'`];
  const mask = netmask(Number(prefix));
  return ["      - type: static", `        address: '${address}'`, `        netmask: '${mask}'`, ...route];
}

function ipv6Subnet(ip: string, gateway: string | undefined): string[] {
  if (ip === "dhcp") return ["      - type: dhcp6"];
  if (ip === "auto") return ["      - type: ipv6_slaac"];
  const route = gateway === undefined ? [] : [`        gateway: '${gateway}'`];
  return ["      - type: static6", `        address: '${ip}'`, ...route];
}

function interfaceLines(config: Config, key: string): string[] {
  const id = key.slice("net".length);
  const addresses = parseProperties(config.get(`ipconfig${id}`) ?? "", "");
  if (addresses.size === 0) return [];
  const mac = /=((?:[0-9A-F]{2}:){5}[0-9A-F]{2})/i.exec(config.get(key) ?? "")?.[1]?.toLowerCase() ?? "";
  const [ip, ip6] = [addresses.get("ip"), addresses.get("ip6")];
  return [
    "    - type: physical",
    `      name: eth${id}`,
    `      mac_address: '${mac}'`,
    "      subnets:",
    ...(ip === undefined ? [] : ipv4Subnet(ip, addresses.get("gw"))),
    ...(ip6 === undefined ? [] : ipv6Subnet(ip6, addresses.get("gw6"))),
  ];
}

function networkConfig(config: Config, node: Node): string {
  const nics = [...config.keys()].filter((key) => /^net\d+$/.test(key)).sort();
  const words = (text: string | undefined, other: readonly string[]) =>
    text === undefined ? other : text.split(/[ ,;]+/).filter((word) => word !== "");
  const servers = words(config.get("nameserver"), node.resolver.servers);
  const search = words(config.get("searchdomain"), [node.resolver.search]);
  const lines = [
    "version: 1",
    "config:",
    ...nics.flatMap((key) => interfaceLines(config, key)),
    "    - type: nameserver",
    "      address:",
    ...servers.map((server) => `      - '${server}'`),
    "      search:",
    ...search.map((domain) => `      - '${domain}'`),
  ];
  return `${lines.join("\n")}\n`;
}

/** What Proxmox generates by itself: GET cloudinit/dump shows that, whatever `cicustom` says. */
export function generatedSeed(config: Config, node: Node): SeedFiles {
  return assemble({ user: userData(config), network: networkConfig(config, node) });
}

function assemble(files: { user: string; network: string; meta?: string; vendor?: string }): SeedFiles {
  const derived = createHash("sha1")
    .update(files.user + files.network)
    .digest("hex");
  const metaData = files.meta ?? `instance-id: ${derived}\n`;
  const instanceId = /^\s*"?instance-id"?\s*:\s*"?([^"\s,]+)"?/m.exec(metaData)?.[1] ?? derived;
  const { user, network, vendor = "" } = files;
  return { userData: user, networkConfig: network, metaData, vendorData: vendor, instanceId };
}

/** The VM's cloud-init drive, if it has one. */
export function seedDrive(config: Config): string | undefined {
  return [...config].find(([key, value]) => /^(ide|sata|scsi)\d+$/.test(key) && /vm-\d+-cloudinit/.test(value))?.[0];
}

/**
 * Writes the VM's cloud-init drive, if it has one.
 *
 * @throws PveError - a snippet of `cicustom` is not there
 */
export function buildSeed(cluster: Cluster, vm: Vm, config: Config): void {
  const node = cluster.nodes.get(vm.node);
  if (seedDrive(config) === undefined || node === undefined) return;
  const custom = parseProperties(config.get("cicustom") ?? "", "");
  const read = (part: string): string | undefined => {
    const volid = custom.get(part);
    return volid === undefined ? undefined : (needVolume(cluster, vm.node, volid).bytes?.toString("utf8") ?? "");
  };
  vm.seed = assemble({
    user: read("user") ?? userData(config),
    network: read("network") ?? networkConfig(config, node),
    meta: read("meta"),
    vendor: read("vendor"),
  });
}
