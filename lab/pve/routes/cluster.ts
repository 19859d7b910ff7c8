// Version, access, nodes, tasks, pools, ids and the cluster's resources.
import { mayAny, needAny, passwordIsRight } from "../world/auth";
import type { Node, Stats, Vm } from "../world/cluster";
import { badParameters, died, PveError } from "../world/errors";
import * as f from "../api/formats";
import { LOGIN_PATH, type Call, type Route } from "../api/router";
import { taskEntry, taskStatus } from "../world/tasks";
import { sizes, statusAnswer } from "../vm/config";
import type { World } from "../world/world";

/** The version that was measured. */
export const VERSION = { version: "9.2.11", release: "9.2", repoid: "14a22df35955d97d" };

function login({ world, given }: Call): unknown {
  const user = given.get("username") ?? "";
  const name = user.includes("@") ? user : `${user}@${given.get("realm") ?? "pam"}`;
  if (!passwordIsRight(world.cluster, name, given.get("password") ?? ""))
    throw new PveError(401, "authentication failure");
  const { ticket, csrf } = world.tickets.issue(name);
  return {
    username: name,
    ticket,
    CSRFPreventionToken: csrf,
    cap: { vms: {}, nodes: {}, storage: {}, access: {}, dc: {} },
  };
}

function nextId({ world, given }: Call): string {
  const asked = given.get("vmid");
  if (asked !== undefined) {
    if (world.cluster.vms.has(Number(asked))) throw badParameters({ vmid: `VM ${asked} already exists` });
    return asked;
  }
  let id = 100;
  while (world.cluster.vms.has(id)) id += 1;
  return String(id);
}

/** The figures of a VM as pvestatd writes them down. */
export function takeStats(vm: Vm, now: number): Stats {
  const { cpus, maxmem, maxdisk } = sizes(vm.config);
  const { name, status, uptime } = statusAnswer(vm, now);
  return { name: String(name), status: String(status), maxmem, maxdisk, maxcpu: cpus, uptime: Number(uptime) };
}

function vmEntry(world: World, vm: Vm): Record<string, unknown> {
  if (world.times.stats === 0) vm.stats = takeStats(vm, world.clock.now());
  const stats = vm.stats ?? { ...takeStats(vm, world.clock.now()), status: "unknown" };
  const { config, vmid } = vm;
  const counters = ["cpu", "mem", "memhost", "disk", "diskread", "diskwrite", "netin", "netout"].map((key) => [key, 0]);
  const pool = [...world.cluster.pools].find(([, { vms }]) => vms.has(vmid))?.[0];
  const optional = [
    ["tags", config.get("tags")],
    ["lock", config.get("lock")],
    ["pool", pool],
  ].filter(([, value]) => value !== undefined);
  const template = config.get("template") === "1" ? 1 : 0;
  const fixed = { id: `qemu/${vmid}`, type: "qemu", node: vm.node, vmid, template };
  return { ...fixed, ...stats, ...Object.fromEntries(counters), ...Object.fromEntries(optional) };
}

function resources(call: Call): unknown {
  const { world, user, given } = call;
  const { cluster } = world;
  const kind = given.get("type");
  const vms = [...cluster.vms.values()]
    .filter((vm) => mayAny(cluster, user, `/vms/${vm.vmid}`, ["VM.Audit"]))
    .sort((a, b) => a.vmid - b.vmid)
    .map((vm) => vmEntry(world, vm));
  const nodes = [...cluster.nodes.keys()].map((node) => ({ id: `node/${node}`, type: "node", node, status: "online" }));
  const storages = [...cluster.storages.keys()].flatMap((storage) =>
    [...cluster.nodes.keys()].map((node) => ({ id: `storage/${node}/${storage}`, type: "storage", node, storage })),
  );
  return [
    ...(kind === undefined || kind === "vm" ? vms : []),
    ...(kind === undefined || kind === "node" ? nodes : []),
    ...(kind === undefined || kind === "storage" ? storages : []),
  ];
}

function network(node: Node): unknown {
  const flags = { active: 1, autostart: 1, exists: 1, method: "manual", families: ["inet"] };
  const bridges = node.bridges.map((iface, index) => ({
    ...flags,
    iface,
    type: "bridge",
    bridge_ports: `eth${index}`,
    bridge_fd: "0",
    ...(index > 0
      ? {}
      : { method: "static", address: node.address, netmask: "24", cidr: `${node.address}/24`, gateway: "192.0.2.1" }),
  }));
  return [...bridges, ...node.bridges.map((_, index) => ({ ...flags, iface: `eth${index}`, type: "eth" }))];
}

function theNode({ world, node }: Call): Node {
  const found = world.cluster.nodes.get(node);
  if (found === undefined) throw died(`no such cluster node '${node}'`);
  return found;
}

function nodeEntries({ world }: Call): unknown {
  return [...world.cluster.nodes.keys()].map((node) => ({ node, status: "online" }));
}

const UPID = "/nodes/{node}/tasks/{upid}";

function taskLog({ world, given }: Call): unknown {
  const { lines } = world.tasks.get(given.get("upid") ?? "");
  const start = Number(given.get("start") ?? 0);
  const limit = Number(given.get("limit") ?? 50);
  return lines.map((t, index) => ({ n: index + 1, t })).slice(start, limit === 0 ? undefined : start + limit);
}

const TASKS: Route[] = [
  {
    method: "GET",
    path: "/nodes/{node}/tasks",
    parameters: {
      source: f.oneOf("archive", "active", "all"),
      limit: f.int(0),
      start: f.int(0),
      vmid: f.vmid,
      typefilter: f.text,
    },
    handle: ({ world, node, given }) =>
      world.tasks
        .list(node)
        .filter((task) => given.get("source") !== undefined || task.exitstatus !== undefined)
        .map(taskEntry),
  },
  {
    method: "GET",
    path: `${UPID}/status`,
    parameters: {},
    handle: ({ world, given }) => taskStatus(world.tasks.get(given.get("upid") ?? "")),
  },
  {
    method: "GET",
    path: `${UPID}/log`,
    parameters: { start: f.int(0), limit: f.int(0), download: f.bool },
    handle: taskLog,
  },
  {
    method: "DELETE",
    path: UPID,
    parameters: {},
    handle: ({ world, given }) => {
      world.tasks.get(given.get("upid") ?? "");
      return null;
    },
  },
];

function poolOf({ world, given }: Call, key = "poolid") {
  const id = given.get(key) ?? "";
  const pool = world.cluster.pools.get(id);
  if (pool === undefined) throw died(`pool '${id}' does not exist`);
  return { id, pool };
}

function poolEntries(call: Call): unknown {
  const { cluster } = call.world;
  if (!call.given.has("poolid")) {
    return [...cluster.pools]
      .filter(([poolid]) => mayAny(cluster, call.user, `/pool/${poolid}`, ["Pool.Audit"]))
      .map(([poolid, { comment }]) => ({ poolid, ...(comment === undefined ? {} : { comment }) }));
  }
  const { id, pool } = poolOf(call);
  const vms = [...cluster.vms.values()].filter(({ vmid }) => pool.vms.has(vmid)).map((vm) => vmEntry(call.world, vm));
  return [{ poolid: id, members: vms }];
}

function updatePool(call: Call): null {
  const { pool } = poolOf(call);
  for (const vmid of (call.given.get("vms") ?? "")
    .split(",")
    .filter((text) => text !== "")
    .map(Number)) {
    if (call.given.get("delete") === "1") pool.vms.delete(vmid);
    else pool.vms.add(vmid);
  }
  return null;
}

function allocatePool({ world, user, given }: Call): void {
  needAny(world.cluster, user, `/pool/${given.get("poolid")}`, "Pool.Allocate");
}

const POOLS: Route[] = [
  {
    method: "GET",
    path: "/pools",
    parameters: { poolid: f.poolId, type: f.oneOf("qemu", "lxc", "storage") },
    handle: poolEntries,
  },
  {
    method: "POST",
    path: "/pools",
    parameters: { poolid: f.required(f.poolId), comment: f.text },
    permission: allocatePool,
    handle: ({ world, given }) => {
      world.cluster.pools.set(given.get("poolid") ?? "", {
        comment: given.get("comment"),
        vms: new Set(),
        storages: new Set(),
      });
      return null;
    },
  },
  {
    method: "PUT",
    path: "/pools",
    parameters: {
      poolid: f.required(f.poolId),
      comment: f.text,
      vms: f.text,
      storage: f.text,
      delete: f.bool,
      "allow-move": f.bool,
    },
    permission: allocatePool,
    handle: updatePool,
  },
  {
    method: "DELETE",
    path: "/pools",
    parameters: { poolid: f.required(f.poolId) },
    permission: allocatePool,
    handle: (call) => {
      const { id, pool } = poolOf(call);
      if (pool.vms.size > 0) throw died(`pool '${id}' is not empty (contains VMs)`);
      call.world.cluster.pools.delete(id);
      return null;
    },
  },
];

/** No VM is managed by HA here: the provider asks before it migrates one. */
const HA: Route = {
  method: "GET",
  path: "/cluster/ha/resources/{sid}",
  parameters: {},
  permission: ({ world, user }) => needAny(world.cluster, user, "/", "Sys.Audit"),
  handle: ({ given }) => {
    throw died(`no such resource '${given.get("sid")}'`);
  },
};

/** Every route that is about no VM and no storage. */
export const CLUSTER_ROUTES: readonly Route[] = [
  { method: "GET", path: "/version", parameters: {}, handle: () => VERSION },
  {
    method: "POST",
    path: LOGIN_PATH,
    parameters: {
      username: f.required(f.text),
      password: f.required(f.text),
      realm: f.text,
      otp: f.text,
      "new-format": f.bool,
    },
    handle: login,
  },
  { method: "GET", path: "/cluster/nextid", parameters: { vmid: f.vmid }, handle: nextId },
  {
    method: "GET",
    path: "/cluster/resources",
    parameters: { type: f.oneOf("vm", "storage", "node", "sdn") },
    handle: resources,
  },
  { method: "GET", path: "/nodes", parameters: {}, handle: nodeEntries },
  {
    method: "GET",
    path: "/nodes/{node}/network",
    parameters: { type: f.text },
    handle: (call) => network(theNode(call)),
  },
  ...TASKS,
  ...POOLS,
  HA,
];
