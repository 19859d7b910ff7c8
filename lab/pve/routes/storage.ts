// Storages, their content, and uploads.
import { createHash } from "node:crypto";
import { mayAny, needAny } from "../world/auth";
import { volumesOn, type Storage } from "../world/cluster";
import { badParameters, died } from "../world/errors";
import type { Check, Parameters } from "../api/checks";
import * as f from "../api/formats";
import type { Call, Route } from "../api/router";
import {
  contentEntry,
  fileFormat,
  type FileKind,
  mayBeCalled,
  parseVolumeId,
  storageOf,
  storageOnNode,
  usedOn,
  volumePath,
} from "../world/volumes";
import { ALGORITHMS } from "../world/web";

const AT = "/nodes/{node}/storage/{storage}";

function needStorageRight(...privileges: string[]): (call: Call) => void {
  return ({ world, user, given }) => needAny(world.cluster, user, `/storage/${given.get("storage")}`, ...privileges);
}

function definition(store: Storage): Record<string, unknown> {
  const { id, type, content, path, shared } = store;
  const digest = createHash("sha1")
    .update(JSON.stringify([id, type, content, path]))
    .digest("hex");
  const base = { storage: id, type, content: content.join(","), digest };
  if (type === "dir") return { ...base, path, "prune-backups": "keep-all=1" };
  if (type === "nfs") return { ...base, path, shared: 1 };
  return shared ? { ...base, pool: id } : { ...base, vgname: "pve", thinpool: "data" };
}

function state(store: Storage, node: string): Record<string, unknown> {
  const used = usedOn(store, node);
  const { type, content, shared, total } = store;
  const flags = { active: 1, enabled: 1, shared: shared ? 1 : 0 };
  return { type, content: content.join(","), ...flags, total, used, avail: store.full ? 0 : total - used };
}

/** A listing makes the folder of the snippets that Proxmox removed when it was empty. */
function content({ world, user, node, given }: Call): unknown {
  const store = storageOnNode(world.cluster, given.get("storage") ?? "");
  const kind = given.get("content");
  if (store.path !== undefined && store.content.includes("snippets")) store.snippetsFolder.add(node);
  const maySee = (what: string) =>
    mayAny(world.cluster, user, `/storage/${store.id}`, [
      "Datastore.Allocate",
      ...(what === "snippets" ? [] : ["Datastore.Audit", "Datastore.AllocateSpace"]),
    ]);
  return [...volumesOn(store, node)]
    .filter(([, volume]) => (kind === undefined || volume.content === kind) && store.content.includes(volume.content))
    .filter(([, volume]) => given.get("vmid") === undefined || String(volume.vmid) === given.get("vmid"))
    .filter(([, volume]) => maySee(volume.content))
    .map(([name, volume]) => contentEntry(store, name, volume))
    .sort((a, b) => (String(a.volid) < String(b.volid) ? -1 : 1));
}

function fullId(given: ReadonlyMap<string, string>): string {
  const volume = given.get("volume") ?? "";
  return volume.includes(":") ? volume : `${given.get("storage")}:${volume}`;
}

function oneVolume({ world, node, given }: Call): unknown {
  const volid = fullId(given);
  const { store, name } = parseVolumeId(world.cluster, volid);
  const volume = volumesOn(store, node).get(name);
  if (volume === undefined) throw died(`volume_size_info on '${volid}' failed - no format`);
  return { path: volumePath(store, name), format: volume.format, size: volume.size, used: volume.size };
}

function remove(call: Call): string {
  const { world, node, given, user } = call;
  const { store, name } = parseVolumeId(world.cluster, fullId(given));
  const isImage = volumesOn(store, node).get(name)?.content === "images";
  needAny(world.cluster, user, `/storage/${store.id}`, isImage ? "Datastore.AllocateSpace" : "Datastore.Allocate");
  return world.tasks.start(node, "imgdel", store.id, user, async (context) => {
    await context.work();
    const volumes = volumesOn(store, node);
    if (!volumes.delete(name)) context.log(`disk image '${volumePath(store, name)}' does not exist`);
    else context.log(`Removed volume '${store.id}:${name}'`);
    removeEmptyFolder(store, node, name);
  });
}

/** Proxmox removes a folder with its last file (pve-storage Plugin.pm, free_image). */
function removeEmptyFolder(store: Storage, node: string, removed: string): void {
  const [kind = ""] = removed.split("/");
  const names = [...volumesOn(store, node).keys()];
  if (names.some((name) => name.startsWith(`${kind}/`))) return;
  store.removals.set(`${node}/${kind}`, (store.removals.get(`${node}/${kind}`) ?? 0) + 1);
  if (kind === "snippets") store.snippetsFolder.delete(node);
}

function upload({ world, node, given, file, user }: Call): string {
  const store = storageOnNode(world.cluster, given.get("storage") ?? "");
  const kind = given.get("content") as FileKind;
  const name = given.get("filename") ?? file?.name ?? "";
  if (!mayBeCalled(kind, name)) throw badParameters({ filename: "wrong file extension" });
  if (!store.content.includes(kind))
    throw died(`can't upload to storage type '${store.type}', '${kind}' content not configured`);
  if (store.full) throw died(`no space left on storage '${store.id}'`);
  const bytes = file?.bytes ?? Buffer.alloc(0);
  return world.tasks.start(node, "imgcopy", "", user, async (context) => {
    await context.work();
    const ctime = Math.floor(world.clock.now() / 1000);
    const file = { content: kind, format: fileFormat(kind, name), size: bytes.length, ctime, bytes };
    volumesOn(store, node).set(`${kind}/${name}`, file);
    context.log("finished file import successfully");
  });
}

function seen({ world, user }: Call): Storage[] {
  return [...world.cluster.storages.values()].filter((store) =>
    mayAny(world.cluster, user, `/storage/${store.id}`, ["Datastore.Audit", "Datastore.AllocateSpace"]),
  );
}

const CONTENT_TYPES = ["backup", "images", "import", "iso", "none", "rootdir", "snippets", "vztmpl"];

const contentList: Check = {
  type: "string",
  format: (value) => {
    const wrong = value.split(",").find((kind) => !CONTENT_TYPES.includes(kind));
    return wrong === undefined ? undefined : `invalid format - invalid content type '${wrong}'`;
  },
};

const DEFINITION: Parameters = {
  content: contentList,
  "create-base-path": f.bool,
  "create-subdirs": f.bool,
  disable: f.bool,
  nodes: f.text,
  shared: f.bool,
};

/** On all storages, not on the one: being allowed to fill a storage is no right to define it. */
function needDefinitionRight({ world, user }: Call): void {
  needAny(world.cluster, user, "/storage", "Datastore.Allocate");
}

function redefine({ world, given }: Call): unknown {
  const id = given.get("storage") ?? "";
  const store = world.cluster.storages.get(id);
  if (store === undefined) throw died(`update storage failed: storage '${id}' does not exist`);
  const kinds = given.get("content");
  if (kinds !== undefined) store.content = kinds.split(",");
  // The folders of new types are made at once.
  if (kinds?.includes("snippets") === true)
    for (const node of world.cluster.nodes.keys()) store.snippetsFolder.add(node);
  return { storage: id, type: store.type };
}

function define({ world, given }: Call): unknown {
  const id = given.get("storage") ?? "";
  if (world.cluster.storages.has(id)) throw died(`create storage failed: storage ID '${id}' already defined`);
  throw died(`create storage failed: the stand-in makes no new storage`);
}

/** Every route about storages. */
export const STORAGE_ROUTES: readonly Route[] = [
  { method: "GET", path: "/storage", parameters: { type: f.text }, handle: (call) => seen(call).map(definition) },
  {
    method: "POST",
    path: "/storage",
    parameters: { ...DEFINITION, path: f.text, storage: f.required(f.storageId), type: f.required(f.text) },
    permission: needDefinitionRight,
    handle: define,
  },
  {
    method: "PUT",
    path: "/storage/{storage}",
    parameters: { ...DEFINITION, delete: f.text, digest: f.text },
    permission: needDefinitionRight,
    handle: redefine,
  },
  {
    method: "GET",
    path: "/storage/{storage}",
    parameters: {},
    permission: needStorageRight("Datastore.Allocate"),
    handle: ({ world, given }) => definition(storageOf(world.cluster, given.get("storage") ?? "")),
  },
  {
    method: "GET",
    path: "/nodes/{node}/storage",
    parameters: { content: f.text, enabled: f.bool, format: f.bool, storage: f.storageId, target: f.nodeName },
    handle: (call) => seen(call).map((store) => ({ storage: store.id, ...state(store, call.node) })),
  },
  {
    method: "GET",
    path: `${AT}/status`,
    parameters: {},
    permission: needStorageRight("Datastore.Audit", "Datastore.AllocateSpace"),
    handle: ({ world, node, given }) => state(storageOnNode(world.cluster, given.get("storage") ?? ""), node),
  },
  { method: "GET", path: `${AT}/content`, parameters: { content: f.text, vmid: f.vmid }, handle: content },
  { method: "GET", path: `${AT}/content/{volume}`, parameters: {}, handle: oneVolume },
  { method: "DELETE", path: `${AT}/content/{volume}`, parameters: { delay: f.int(1, 30) }, handle: remove },
  {
    method: "POST",
    path: `${AT}/upload`,
    parameters: {
      content: f.required(f.oneOf("iso", "vztmpl", "import")),
      filename: f.required(f.text),
      checksum: f.text,
      "checksum-algorithm": f.oneOf(...ALGORITHMS),
      tmpfilename: f.text,
    },
    permission: needStorageRight("Datastore.AllocateTemplate"),
    handle: upload,
  },
];
