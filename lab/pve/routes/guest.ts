// What the API knows of the guest: its agent, its cloud-init drive.
import { buildSeed, generatedSeed, seedDrive } from "../vm/cloud-init";
import { died } from "../world/errors";
import * as f from "../api/formats";
import type { Call, Route } from "../api/router";
import { typed } from "../vm/config";
import { audit, needVmRight, theVm, VM } from "./vm-route";

async function askAgent(call: Call): Promise<void> {
  const vm = theVm(call);
  if (!vm.config.has("agent")) throw died("No QEMU guest agent configured");
  if (vm.running === undefined) throw died(`VM ${call.vmid} is not running`);
  if (vm.guest.agent) return;
  await new Promise<void>((resolve) => call.world.clock.after(call.world.times.agent, resolve));
  throw died("QEMU guest agent is not running");
}

async function agentInterfaces(call: Call): Promise<unknown> {
  await askAgent(call);
  const mac = /=((?:[0-9A-F]{2}:){5}[0-9A-F]{2})/i.exec(theVm(call).config.get("net0") ?? "")?.[1]?.toLowerCase();
  const addresses = theVm(call).guest.addresses.map((address) => {
    const kind = address.includes(":") ? "ipv6" : "ipv4";
    return { "ip-address": address, "ip-address-type": kind, prefix: kind === "ipv4" ? 24 : 64 };
  });
  const eth0 = { name: "eth0", "hardware-address": mac, "ip-addresses": addresses, statistics: {} };
  return { result: [eth0] };
}

function rebuildSeed(call: Call): null {
  const vm = theVm(call);
  buildSeed(call.world.cluster, vm, vm.config);
  return null;
}

function dump(call: Call): string {
  const vm = theVm(call);
  const node = call.world.cluster.nodes.get(call.node);
  if (node === undefined || seedDrive(vm.config) === undefined) throw died("no cloudinit drive found");
  const { userData, networkConfig, metaData } = generatedSeed(vm.config, node);
  return { user: userData, network: networkConfig, meta: metaData }[call.given.get("type") ?? ""] ?? "";
}

const CLOUD_INIT = /^(ci[a-z]+|ipconfig\d+|nameserver|searchdomain|sshkeys|name)$/;

/** The guest agent, and the seed. */
export const GUEST_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: `${VM}/agent/network-get-interfaces`,
    parameters: {},
    permission: needVmRight("VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted"),
    handle: agentInterfaces,
  },
  {
    method: "GET",
    path: `${VM}/cloudinit`,
    parameters: {},
    permission: audit,
    handle: (call) =>
      [...theVm(call).config]
        .filter(([key]) => CLOUD_INIT.test(key))
        .map(([key, value]) => ({ key, value: typed(key, value) })),
  },
  {
    method: "PUT",
    path: `${VM}/cloudinit`,
    parameters: {},
    permission: needVmRight("VM.Config.Cloudinit"),
    handle: rebuildSeed,
  },
  {
    method: "GET",
    path: `${VM}/cloudinit/dump`,
    parameters: { type: f.required(f.oneOf("user", "network", "meta")) },
    permission: audit,
    handle: dump,
  },
];
