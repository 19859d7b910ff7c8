// A VM's configuration as the API shows it.
import { createHash } from "node:crypto";
import { checkFor } from "../api/checks";
import { CONFIG_KEYS, isDrive } from "./config-schema";
import type { Cluster, Vm } from "../world/cluster";
import { died, noSuchVm } from "../world/errors";
import { parseProperties, parseSize } from "../api/property-string";

/** @throws PveError - 500: no such VM on that node */
export function vmOn(cluster: Cluster, node: string, vmid: number): Vm {
  const vm = cluster.vms.get(vmid);
  if (vm === undefined || vm.node !== node) throw noSuchVm(node, vmid);
  return vm;
}

/** @throws PveError - 500: a lock in the configuration */
export function needUnlocked(vm: Vm): void {
  const lock = vm.config.get("lock");
  if (lock !== undefined) throw died(`VM is locked (${lock})`);
}

/** The configuration with what is pending. */
export function withPending(vm: Vm): Map<string, string> {
  const config = new Map(vm.config);
  for (const [key, value] of vm.pending) {
    if (value === null) config.delete(key);
    else config.set(key, value);
  }
  return config;
}

/** What changes whenever the configuration does. */
export function digestOf(vm: Vm): string {
  const entries = (map: ReadonlyMap<string, unknown>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha1")
    .update(JSON.stringify([entries(vm.config), entries(vm.pending)]))
    .digest("hex");
}

/** A value with the JSON type that the schema gives it: memory is text, cores is a number. */
export function typed(key: string, value: string): string | number {
  if (key === "cipassword") return "**********";
  const type = checkFor(CONFIG_KEYS, key)?.type;
  return type === undefined || type === "string" ? value : Number(value);
}

/** GET config. */
export function configAnswer(vm: Vm, current: boolean): Record<string, unknown> {
  const config = current ? vm.config : withPending(vm);
  const entries = [...config].map(([key, value]) => [key, typed(key, value)]);
  return { ...Object.fromEntries(entries), digest: digestOf(vm) };
}

/** GET pending. */
export function pendingAnswer(vm: Vm): Record<string, unknown>[] {
  const keys = new Set([...vm.config.keys(), ...vm.pending.keys()]);
  return [...keys].map((key) => {
    const value = vm.config.get(key);
    const pending = vm.pending.get(key);
    return {
      key,
      ...(value === undefined ? {} : { value: typed(key, value) }),
      ...(pending === undefined ? {} : pending === null ? { delete: 1 } : { pending: typed(key, pending) }),
    };
  });
}

/** Drives with their properties. */
export function drives(config: ReadonlyMap<string, string>): [string, Map<string, string>][] {
  return [...config]
    .filter(([key]) => isDrive(key))
    .map(([key, value]) => [key, parseProperties(value)] as [string, Map<string, string>]);
}

/** Whether a drive is a disk of the VM: no CD, no cloud-init drive. */
export function isDisk(properties: ReadonlyMap<string, string>): boolean {
  return properties.get("media") !== "cdrom" && (properties.get("file") ?? "").includes(":");
}

function bootDiskBytes(config: ReadonlyMap<string, string>): number {
  const order = /order=([^,]*)/.exec(config.get("boot") ?? "")?.[1]?.split(";") ?? [];
  const disks = new Map(drives(config).filter(([, properties]) => isDisk(properties)));
  const boot = order.map((key) => disks.get(key)).find((disk) => disk !== undefined) ?? [...disks.values()][0];
  return parseSize(boot?.get("size") ?? "0") ?? 0;
}

/** What the list of VMs and the status tell of the size. */
export function sizes(config: ReadonlyMap<string, string>): { cpus: number; maxmem: number; maxdisk: number } {
  const cpus = Number(config.get("cores") ?? "1") * Number(config.get("sockets") ?? "1");
  return { cpus, maxmem: Number(config.get("memory") ?? "512") * 1024 ** 2, maxdisk: bootDiskBytes(config) };
}

const PRESSURE = ["cpufull", "cpusome", "iofull", "iosome", "memoryfull", "memorysome"];

/** GET status/current. */
export function statusAnswer(vm: Vm, now: number): Record<string, unknown> {
  const { config, running } = vm;
  const status = running === undefined ? "stopped" : "running";
  const nics = [...config.keys()].filter((key) => /^net\d+$/.test(key));
  const taps = nics.map((key) => [`tap${vm.vmid}i${key.slice(3)}`, { netin: 0, netout: 0 }]);
  const optional = [
    ["tags", config.get("tags")],
    ["lock", config.get("lock")],
    ["template", config.get("template") === "1" ? 1 : undefined],
    ["agent", /^(1|enabled=1)/.test(config.get("agent") ?? "") ? 1 : undefined],
    ["serial", config.has("serial0") ? 1 : undefined],
  ].filter(([, value]) => value !== undefined);
  return {
    vmid: vm.vmid,
    name: config.get("name") ?? `VM ${vm.vmid}`,
    status,
    qmpstatus: status,
    ...sizes(config),
    ...Object.fromEntries(["cpu", "mem", "memhost", "disk", "netin", "netout"].map((key) => [key, 0])),
    uptime: running === undefined ? 0 : Math.floor((now - running.since) / 1000),
    ha: { managed: 0 },
    ...Object.fromEntries(optional),
    ...(running === undefined
      ? {}
      : {
          pid: running.pid,
          nics: Object.fromEntries(taps),
          ...Object.fromEntries(PRESSURE.map((name) => [`pressure${name}`, 0])),
        }),
  };
}
