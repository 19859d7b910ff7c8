// Files that SSH writes into a storage's folder, past the API.
import { volumesOn, type Cluster, type Storage, type Volume } from "./cluster";

interface Place {
  readonly store: Storage;
  readonly folder: string;
  readonly name: string;
}

function placeOf(cluster: Cluster, path: string): Place | undefined {
  for (const store of cluster.storages.values()) {
    if (store.path === undefined || !path.startsWith(`${store.path}/`)) continue;
    const [folder = "", ...rest] = path.slice(store.path.length + 1).split("/");
    return { store, folder, name: rest.join("/") };
  }
  return undefined;
}

/** Writes a file; the text of the failure when it cannot be written. */
export function writeSnippet(
  cluster: Cluster,
  node: string,
  path: string,
  bytes: Buffer,
  ctime: number,
): string | undefined {
  const place = placeOf(cluster, path);
  if (place === undefined || place.folder !== "snippets" || place.name === "" || place.name.includes("/"))
    return "No such file or directory";
  if (!place.store.snippetsFolder.has(node)) return "No such file or directory";
  if (place.store.full) return "No space left on device";
  const volume: Volume = { content: "snippets", format: "snippet", size: bytes.length, ctime, bytes };
  volumesOn(place.store, node).set(`snippets/${place.name}`, volume);
  return undefined;
}

/** The file at a path of the node, if there is one. */
export function fileAt(cluster: Cluster, node: string, path: string): Volume | undefined {
  const place = placeOf(cluster, path);
  return place === undefined ? undefined : volumesOn(place.store, node).get(`${place.folder}/${place.name}`);
}
