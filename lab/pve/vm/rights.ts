// Which privilege each configuration key needs, and what only root itself may set.
import { isRoot, mayAny, forbidden, needAny, type UserId } from "../world/auth";
import type { Cluster } from "../world/cluster";
import { isDrive } from "./config-schema";
import { died } from "../world/errors";
import { parseProperties } from "../api/property-string";

const CONFIG_PRIVILEGES = ["Disk", "CDROM", "CPU", "Memory", "Network", "HWType", "Options", "Cloudinit"].map(
  (name) => `VM.Config.${name}`,
);

const BY_KEY: Readonly<Record<string, string>> = {
  ...Object.fromEntries(["memory", "balloon", "shares"].map((key) => [key, "Memory"])),
  ...Object.fromEntries(
    ["cores", "sockets", "cpu", "numa", "vcpus", "cpulimit", "cpuunits"].map((key) => [key, "CPU"]),
  ),
  ...Object.fromEntries(["boot", "bootdisk"].map((key) => [key, "Disk"])),
  ...Object.fromEntries(
    ["smbios1", "vga", "machine", "scsihw", "kvm", "acpi", "bios", "hotplug", "keyboard", "tablet"].map((key) => [
      key,
      "HWType",
    ]),
  ),
};

const ROOT_ONLY = new Set(["args", "affinity", "arch", "vmgenid", "hookscript"]);
const CLOUD_INIT = /^(ci[a-z]+|ipconfig\d+|nameserver|searchdomain|sshkeys)$/;

function drivePrivilege(value: string | undefined): string {
  const properties = parseProperties(value ?? "");
  const file = properties.get("file") ?? "";
  if (/:cloudinit$|vm-\d+-cloudinit/.test(file)) return "VM.Config.Cloudinit";
  return properties.get("media") === "cdrom" || /:iso\//.test(file) ? "VM.Config.CDROM" : "VM.Config.Disk";
}

function privilegesFor(key: string, value: string | undefined): string[] {
  if (CLOUD_INIT.test(key)) return ["VM.Config.Cloudinit", "VM.Config.Network"];
  if (/^net\d+$/.test(key)) return ["VM.Config.Network"];
  if (isDrive(key)) return [drivePrivilege(value)];
  if (/^(unused\d+)$/.test(key)) return ["VM.Config.Disk"];
  if (/^(serial|usb|hostpci|audio|virtiofs|parallel)\d+$/.test(key)) return ["VM.Config.HWType"];
  return [`VM.Config.${BY_KEY[key] ?? "Options"}`];
}

/** @throws PveError - 403: none of the privileges with which anything can be changed */
export function needAnyConfigRight(cluster: Cluster, user: UserId, vmid: number): void {
  needAny(cluster, user, `/vms/${vmid}`, ...CONFIG_PRIVILEGES);
}

/** @throws PveError - 403, or 500 for what only root may do */
export function needConfigRight(
  cluster: Cluster,
  user: UserId,
  vmid: number,
  key: string,
  value: string | undefined,
): void {
  const path = `/vms/${vmid}`;
  if (key === "startup") {
    if (!mayAny(cluster, user, "/", ["Sys.Modify"])) throw forbidden("/", ["Sys.Modify"]);
    return;
  }
  if (isRoot(user)) return;
  if (ROOT_ONLY.has(key)) throw died(`only root can set '${key}' config`);
  if (/^serial\d+$/.test(key) && value?.startsWith("/dev/") === true)
    throw died(`only root can modify '${key}' config for real devices`);
  needAny(cluster, user, path, ...privilegesFor(key, value));
}
