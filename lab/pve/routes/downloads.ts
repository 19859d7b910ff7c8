// What a node fetches from the web by itself: query-url-metadata and download-url.
import { createHash } from "node:crypto";
import { mayAny, needAny } from "../world/auth";
import { volumesOn, type Storage } from "../world/cluster";
import { badParameters, died, PveError } from "../world/errors";
import * as f from "../api/formats";
import type { Call, Route } from "../api/router";
import type { TaskContext } from "../world/tasks";
import { fileFormat, mayBeCalled, storageOf, type FileKind, volumePath } from "../world/volumes";
import { ALGORITHMS, type Downloaded } from "../world/web";

/** Either of them is enough (PVE::API2::Nodes, query_url_metadata). Its refusal names no path. */
function needWebRight({ world, user, node }: Call): void {
  const { cluster } = world;
  if (mayAny(cluster, user, `/nodes/${node}`, ["Sys.AccessNetwork"])) return;
  if (mayAny(cluster, user, "/", ["Sys.Audit"]) && mayAny(cluster, user, "/", ["Sys.Modify"])) return;
  throw new PveError(403, "Permission check failed");
}

function verifies(given: ReadonlyMap<string, string>): boolean {
  return given.get("verify-certificates") !== "0";
}

/** Proxmox's own cleaning of a file name: what it then keeps may be another name than was asked for. */
export function normalizedName(name: string): string {
  return name.replace(/^.*[/\\]/, "").replace(/[^-a-zA-Z0-9_.]/g, "_");
}

function downloadUrl(call: Call): string {
  const { world, node, given, user } = call;
  const store = storageOf(world.cluster, given.get("storage") ?? "");
  const kind = given.get("content") ?? "";
  const name = normalizedName(given.get("filename") ?? "");
  if (!mayBeCalled(kind as FileKind, name))
    throw badParameters({
      filename: kind === "import" ? "invalid filename or wrong extension" : "wrong file extension",
    });
  if (!store.content.includes(kind)) throw died(`storage '${store.id}' is not configured for content-type '${kind}'`);
  const request = { store, node, kind: kind as FileKind, name, given };
  return world.tasks.start(node, "download", name, user, (context) => downloadWorker(call, request, context));
}

interface DownloadRequest {
  readonly store: Storage;
  readonly node: string;
  readonly kind: FileKind;
  readonly name: string;
  readonly given: ReadonlyMap<string, string>;
}

/** Checks an existing file; true when it is the one that is wanted. @throws PveError - the task's end */
function isThere({ store, node, kind, name, given }: DownloadRequest, context: TaskContext): boolean {
  const volume = volumesOn(store, node).get(`${kind}/${name}`);
  if (volume === undefined) return false;
  const [wanted, algorithm] = [given.get("checksum"), given.get("checksum-algorithm") ?? ""];
  if (wanted === undefined) throw died(`refusing to override existing file '${volumePath(store, `${kind}/${name}`)}'`);
  context.log("calculating checksum of existing file...");
  const got =
    volume.digest?.(algorithm) ??
    createHash(algorithm)
      .update(volume.bytes ?? "")
      .digest("hex");
  if (got !== wanted) throw died(`checksum mismatch: got '${got}' != expect '${wanted}', aborting`);
  return true;
}

async function downloadWorker({ world }: Call, request: DownloadRequest, context: TaskContext): Promise<void> {
  const { store, node, kind, name, given } = request;
  if (given.has("compression") && kind !== "iso") throw died(`decompression not supported for ${kind}`);
  const [url, path] = [given.get("url") ?? "", volumePath(store, `${kind}/${name}`)];
  context.log(`downloading ${url} to ${path}`);
  if (isThere(request, context)) return;
  const partial = `${path}.tmp_dwnl.${world.tasks.nextPid()}`;
  // The folder may be removed under a download: with its last file, by a delete that was answered before it ran.
  const removals = store.removals.get(`${node}/${kind}`) ?? 0;
  const file = await world.web.download(url, verifies(given));
  await context.work();
  if ((store.removals.get(`${node}/${kind}`) ?? 0) !== removals)
    throw died(`download failed: ${partial}: No such file or directory`);
  checkSum(file, given, context);
  const virtualSize = kind === "import" ? imageSize(name, file, partial) : undefined;
  if (store.full) throw died(`no space left on storage '${store.id}'`);
  keep(request, file, Math.floor(world.clock.now() / 1000), virtualSize);
}

function checkSum(file: Downloaded, given: ReadonlyMap<string, string>, context: TaskContext): void {
  const [wanted, algorithm] = [given.get("checksum"), given.get("checksum-algorithm") ?? ""];
  if (wanted === undefined) return;
  context.log("calculating checksum...");
  const got = file.digest(algorithm);
  if (got !== wanted) throw died(`checksum mismatch: got '${got}' != expect '${wanted}'`);
}

function keep(
  { store, node, kind, name }: DownloadRequest,
  file: Downloaded,
  ctime: number,
  virtualSize?: number,
): void {
  volumesOn(store, node).set(`${kind}/${name}`, {
    content: kind,
    format: fileFormat(kind, name),
    size: file.size,
    ctime,
    virtualSize,
    digest: (one) => file.digest(one),
    ...(file.size === file.head.length && { bytes: file.head }),
  });
}

/** The size of the disk in an image. @throws PveError - not an image of that kind, or one that needs another file */
function imageSize(name: string, { head, size }: Downloaded, path: string): number {
  if (!/\.qcow2$/i.test(name)) return size;
  if (head.toString("latin1", 0, 4) !== "QFI\xfb")
    throw died(`failed to verify file: qemu-img: Could not open '${path}': Image is not in qcow2 format`);
  if (head.readBigUInt64BE(8) !== 0n)
    throw died(`failed to verify file: backing file not allowed for untrusted image '${path}'!`);
  return Number(head.readBigUInt64BE(24));
}

/** What a node asks the web for. */
export const DOWNLOAD_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/nodes/{node}/query-url-metadata",
    parameters: { url: f.required(f.matching(/^https?:\/\/.*/)), "verify-certificates": f.bool },
    permission: needWebRight,
    handle: ({ world, given }) => world.web.metadata(given.get("url") ?? "", verifies(given)),
  },
  {
    method: "POST",
    path: "/nodes/{node}/storage/{storage}/download-url",
    parameters: {
      checksum: f.text,
      "checksum-algorithm": f.oneOf(...ALGORITHMS),
      compression: f.text,
      content: f.required(f.oneOf("iso", "vztmpl", "import")),
      filename: f.required(f.text),
      url: f.required(f.matching(/^https?:\/\/.*/)),
      "verify-certificates": f.bool,
    },
    permission: (call) => {
      needAny(call.world.cluster, call.user, `/storage/${call.given.get("storage")}`, "Datastore.AllocateTemplate");
      needWebRight(call);
    },
    handle: downloadUrl,
  },
];
