// POST qemu: a VM from nothing, its disks empty or imported from an image.
import { randomUUID } from "node:crypto";
import { mayAny, needAny, type UserId } from "../world/auth";
import { isTrue, type Parameters } from "../api/checks";
import { buildSeed } from "./cloud-init";
import { addVm, type Vm } from "../world/cluster";
import { CONFIG_KEYS, isDrive } from "./config-schema";
import { died, PveError } from "../world/errors";
import * as f from "../api/formats";
import { parseProperties } from "../api/property-string";
import type { Call, Route } from "../api/router";
import type { TaskContext } from "../world/tasks";
import { removeRemains } from "./clone";
import { checkDrive, keptDrive, keptNic } from "./drives";
import { startWorker } from "./power";
import { needConfigRight } from "./rights";
import { parseVolumeId } from "../world/volumes";
import type { World } from "../world/world";

const PARAMETERS: Parameters = {
  ...CONFIG_KEYS,
  vmid: f.required(f.vmid),
  archive: f.text,
  bwlimit: f.int(0),
  force: f.bool,
  "ha-managed": f.bool,
  "import-working-storage": f.storageId,
  "live-restore": f.bool,
  pool: f.poolId,
  start: f.bool,
  storage: f.storageId,
  unique: f.bool,
};

const NO_CONFIG = new Set(["vmid", "node", ...Object.keys(PARAMETERS).filter((key) => !(key in CONFIG_KEYS))]);

interface CreateRequest {
  readonly vmid: number;
  readonly node: string;
  readonly user: UserId;
  readonly pool?: string;
  readonly start: boolean;
  readonly config: ReadonlyMap<string, string>;
}

function read({ given, node, user }: Call): CreateRequest {
  const config = new Map([...given].filter(([key]) => !NO_CONFIG.has(key)));
  const start = isTrue(given.get("start"));
  return { vmid: Number(given.get("vmid")), node, user, pool: given.get("pool"), start, config };
}

function permission({ world, user, given }: Call): void {
  const { cluster } = world;
  const pool = given.get("pool");
  const may =
    mayAny(cluster, user, `/vms/${given.get("vmid")}`, ["VM.Allocate"]) ||
    (pool !== undefined && mayAny(cluster, user, `/pool/${pool}`, ["VM.Allocate"]));
  if (!may) throw new PveError(403, "Permission check failed");
}

/** Every right but that for tags, which Proxmox asks for inside the task. CDs and cloud-init need none when a VM is made. */
function needRights(world: World, request: CreateRequest): void {
  const { cluster } = world;
  const { user, vmid } = request;
  for (const [key, value] of request.config) {
    const properties = parseProperties(value, key.startsWith("net") ? "model" : "file");
    if (/^net\d+$/.test(key))
      needAny(cluster, user, `/sdn/zones/localnetwork/${properties.get("bridge") ?? ""}`, "SDN.Use");
    if (isDrive(key)) needStorageRights(world, user, properties);
    if (key === "tags" || isMedium(key, properties)) continue;
    if (/^(ci[a-z]+|ipconfig\d+|nameserver|searchdomain|sshkeys)$/.test(key))
      needAny(cluster, user, `/vms/${vmid}`, "VM.Config.Network", "VM.Config.Cloudinit");
    else needConfigRight(cluster, user, vmid, key, value);
  }
}

function isMedium(key: string, properties: ReadonlyMap<string, string>): boolean {
  return isDrive(key) && (properties.get("media") === "cdrom" || /:cloudinit$/.test(properties.get("file") ?? ""));
}

function needStorageRights({ cluster }: World, user: UserId, properties: ReadonlyMap<string, string>): void {
  const [store = "", what = ""] = (properties.get("file") ?? "").split(":");
  if (/^(\d+(\.\d+)?|cloudinit)$/.test(what)) needAny(cluster, user, `/storage/${store}`, "Datastore.AllocateSpace");
  const source = properties.get("import-from")?.split(":")[0];
  if (source === undefined) return;
  needAny(cluster, user, `/storage/${source}`, "Datastore.AllocateSpace", "Datastore.Audit", "Datastore.Allocate");
}

function checkImports({ cluster }: World, request: CreateRequest): void {
  for (const [key, value] of request.config) {
    const source = isDrive(key) ? parseProperties(value).get("import-from") : undefined;
    if (source === undefined) continue;
    const kind = parseVolumeId(cluster, source).name.split("/")[0] ?? "";
    if (["iso", "vztmpl", "snippets", "backup"].includes(kind))
      throw died(`${key}: ${source} has wrong type '${kind}' - needs to be 'images' or 'import'`);
  }
}

function create(call: Call): string {
  const { world } = call;
  const request = read(call);
  needRights(world, request);
  checkImports(world, request);
  const other = world.cluster.vms.get(request.vmid);
  if (other !== undefined)
    throw died(`unable to create VM ${request.vmid} - VM ${request.vmid} already exists on node '${other.node}'`);
  const vm = addVm(world.cluster, request.vmid, request.node, { lock: "create" });
  return world.tasks.start(request.node, "qmcreate", String(request.vmid), request.user, (context) =>
    createWorker(world, request, vm, context),
  );
}

async function createWorker(world: World, request: CreateRequest, vm: Vm, context: TaskContext): Promise<void> {
  try {
    await context.work();
    if (request.config.has("tags")) needAny(world.cluster, request.user, `/vms/${request.vmid}`, "VM.Config.Options");
    for (const [key, value] of request.config) vm.config.set(key, kept(world, vm, key, value, context));
    complete(world, vm);
    if (request.pool !== undefined) world.cluster.pools.get(request.pool)?.vms.add(request.vmid);
    buildSeed(world.cluster, vm, vm.config);
  } catch (error) {
    removeRemains(world, vm);
    throw died(`unable to create VM ${request.vmid} - ${(error as Error).message}`);
  }
  vm.config.delete("lock");
  if (request.start) await startWorker(world, request.node, request.vmid, context);
}

function kept(world: World, vm: Vm, key: string, value: string, context: TaskContext): string {
  if (/^net\d+$/.test(key)) return keptNic(value);
  if (!isDrive(key)) return CONFIG_KEYS[key]?.type === "boolean" ? (isTrue(value) ? "1" : "0") : value;
  checkDrive(world.cluster, vm, key, value);
  const source = parseProperties(value).get("import-from");
  if (source !== undefined) context.log(`create full clone of drive (${source})`);
  const drive = keptDrive(world.cluster, vm, value, Math.floor(world.clock.now() / 1000));
  if (source !== undefined) context.log(`${key}: successfully created disk '${drive}'`);
  return drive;
}

/** What Proxmox adds by itself. */
function complete(world: World, vm: Vm): void {
  const { config } = vm;
  config.set("smbios1", config.get("smbios1") ?? `uuid=${randomUUID()}`);
  config.set("vmgenid", randomUUID());
  config.set("meta", `creation-qemu=10.0.13,ctime=${Math.floor(world.clock.now() / 1000)}`);
  if (config.has("boot")) return;
  const disk = [...config].find(([key, value]) => isDrive(key) && parseProperties(value).get("media") !== "cdrom")?.[0];
  const order = [disk, config.has("net0") ? "net0" : undefined].filter((one) => one !== undefined);
  if (order.length > 0) config.set("boot", `order=${order.join(";")}`);
}

/** A VM without a template. */
export const CREATE_ROUTES: readonly Route[] = [
  { method: "POST", path: "/nodes/{node}/qemu", parameters: PARAMETERS, permission, handle: create },
];
