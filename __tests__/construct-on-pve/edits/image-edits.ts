// An edit for each option of an image, and the web from which the node downloads in this suite.
import { createHash } from "node:crypto";
import { Image, type UrlImageOptions } from "../../../lib";
import { type Cluster, storage, volumesOn } from "../../../lab/pve/world/cluster";
import type { Web } from "../../../lab/pve/world/web";
import { between, type Edit } from "./edit";

const CONTENT = Buffer.alloc(512);
CONTENT.write("QFI\xfb", "latin1");
CONTENT.writeBigUInt64BE(1n << 30n, 24);
const sum = (algorithm: string): string => createHash(algorithm).update(CONTENT).digest("hex");

/** Every address has the same image. */
export const ONE_IMAGE: Web = {
  metadata: () => Promise.resolve({ filename: "a.qcow2", mimetype: "application/octet-stream", size: CONTENT.length }),
  download: () => Promise.resolve({ size: CONTENT.length, head: CONTENT, digest: sum }),
};

/** Two images that somebody put there, and a second storage for those that are downloaded. */
export function prepareImages(cluster: Cluster): void {
  cluster.storages.set("images", storage("images", "nfs", ["import"], true));
  const local = cluster.storages.get("local");
  for (const name of ["a", "b"]) {
    const image = { content: "import", format: "qcow2", size: 512, virtualSize: 1 << 30, ctime: 0 } as const;
    if (local !== undefined) volumesOn(local, "pve").set(`import/${name}.qcow2`, image);
  }
}

const images = (before: Image, after: Image): Edit =>
  between({ templateVmId: undefined, image: before }, { templateVmId: undefined, image: after });
const existing = (name: string, minimumDiskGiB?: number): Image =>
  Image.existing(`local:import/${name}.qcow2`, { minimumDiskGiB });
const url = (options: UrlImageOptions, name = "a"): Image => Image.url(`https://images.example/${name}.qcow2`, options);
const ANY: UrlImageOptions = { unverified: true };

export const IMAGE_EDITS: Readonly<Record<string, Edit>> = {
  image: images(existing("a"), url(ANY, "c")),
  "image.volume": images(existing("a"), existing("b")),
  "image.minimumDiskGiB": images(existing("a"), existing("a", 5)),
  "image.url": images(url(ANY, "d"), url(ANY, "e")),
  "image.sha256": images(url(ANY, "f"), url({ sha256: sum("sha256") }, "f")),
  "image.sha512": images(url({ sha256: sum("sha256") }, "g"), url({ sha512: sum("sha512") }, "g")),
  "image.unverified": images(url({ sha256: sum("sha256") }, "h"), url(ANY, "h")),
  "image.datastore": images(url(ANY, "i"), url({ ...ANY, datastore: "images" }, "i")),
  "image.format": images(url(ANY, "j"), url({ ...ANY, format: "raw" }, "j")),
  "image.verifyTls": images(url(ANY, "k"), url({ ...ANY, verifyTls: false }, "k")),
};
