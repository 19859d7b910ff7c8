// A real Proxmox VE 9.2's answers to the real provider on the way without a template: images that a node downloads, VMs made
// from them, seeds on an ISO, templates and their clones. Replayed: status, reason, keys and values have to be the same.
import { send } from "../../lab/pve/api/client";
import { addVm, GIB, storage, volumesOn, type Cluster } from "../../lab/pve/world/cluster";
import type { Web } from "../../lab/pve/world/web";
import { startPve, type Pve } from "../../lab/pve/stand-in";
import { recordingOf, type Recorded } from "./recorded";
import { FAST_TIMES } from "../../lab/pve/world/world";

type Step = readonly [name: string, requests: readonly Recorded[]];

function stepsOf(name: string): Step[] {
  const steps: [string, Recorded[]][] = [];
  for (const entry of recordingOf(name)) {
    if (entry.step !== undefined) steps.push([entry.step, []]);
    else steps.at(-1)?.[1].push(entry);
  }
  return steps;
}

/** What differs from run to run, or is a living guest's. */
const VOLATILE = /^(cpu|used|mem|memhost|net(in|out)|uptime|pid|pstart|starttime|ctime|digest|vmgenid|pressure\w+)$/;

function comparable(key: string, value: unknown): unknown {
  if (VOLATILE.test(key)) return `any ${typeof value}`;
  if (Array.isArray(value)) return value.map((one) => JSON.stringify(comparable("", one))).sort();
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(members.map(([name, one]) => [name, comparable(name, one)]));
  }
  if (typeof value !== "string") return value;
  return value
    .replace(/UPID:pve:[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}/, "UPID:pve:pid:pstart:starttime")
    .replace(/(nexus@pve|root@pam)(!t1|!lab)?/, "user")
    .replace(/^(t1|lab)$/, "token")
    .replace(/(BC|02)(:[0-9A-F]{2}){5}/, "MAC")
    .replace(/ctime=\d+/, "ctime=now")
    .replace(/tmp_dwnl\.\d+/, "tmp_dwnl.pid")
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, "uuid");
}

/** The lines that wget writes are not modelled. */
function withoutWget(answer: { data?: unknown }): unknown {
  const { data } = answer;
  if (!Array.isArray(data)) return answer;
  const texts = (data as { n?: number; t?: string }[]).filter(({ n }) => n !== undefined).map(({ t }) => t ?? "");
  const ours = texts.filter((text) => /^(downloading |calculating |TASK )/.test(text));
  return texts.length === 0 ? answer : { lines: ours };
}

/** Figures of pvestatd, and answers while a task runs, are another's. */
function isReplayable({ path, answer }: Recorded): boolean {
  if (path.includes("/cluster/resources")) return false;
  return !(path.includes("/tasks/") && path.endsWith("/status") && answer.includes('"status":"running"'));
}

const MULTIPART = "recorded";

function bodyOf({ body }: Recorded, sizes: number[]): { body: string; headers: Record<string, string> } {
  if (!body.startsWith("--")) return { body, headers: {} };
  const name = /filename="([^"]+)"/.exec(body)?.[1] ?? "";
  const bytes = "x".repeat(sizes.shift() ?? 0);
  const part = (header: string, text: string) =>
    `--${MULTIPART}\r\nContent-Disposition: form-data; ${header}\r\n\r\n${text}\r\n`;
  const parts = part('name="content"', "iso") + part(`name="filename"; filename="${name}"`, bytes);
  return {
    body: `${parts}--${MULTIPART}--\r\n`,
    headers: { "content-type": `multipart/form-data; boundary=${MULTIPART}` },
  };
}

interface Setting {
  readonly steps: readonly Step[];
  readonly prepare: (cluster: Cluster) => void;
  readonly web: Web;
  /** Before a step. */
  readonly before?: Readonly<Record<string, (pve: Pve) => void>>;
}

function replay({ steps, prepare, web, before = {} }: Setting): void {
  let pve: Pve;
  const tasks = new Map<string, string>();
  const authorization = (): string => `PVEAPIToken=${pve.credentials.apiToken}`;

  beforeAll(async () => {
    pve = await startPve({ prepare, web });
  });
  afterAll(() => pve?.stop());

  it.each(steps)("%s", async (name, requests) => {
    before[name]?.(pve);
    const isoSizes = requests
      .filter(({ path }) => path.includes("content?content=iso"))
      .flatMap(({ answer }) => [...answer.matchAll(/"size":(\d+)/g)].map(([, size]) => Number(size)));
    for (const recorded of requests.filter(isReplayable)) {
      const path = recorded.path.replace(/UPID:[^/]+:(?=\/|$)/, (upid) =>
        encodeURIComponent(tasks.get(decodeURIComponent(upid)) ?? upid),
      );
      await pve.world.tasks.idle();
      const { body, headers } = bodyOf(recorded, isoSizes);
      const sent = { method: recorded.method, path, body, headers: { ...headers, authorization: authorization() } };
      const answered = await send(pve.endpoint, sent);
      const [theirs, ours] = [recorded, answered].map(({ answer }) => /"(UPID:[^"]+)"/.exec(answer)?.[1]);
      if (theirs !== undefined && ours !== undefined) tasks.set(theirs, ours);
      const shown = ({ status, reason, answer }: { status: number; reason: string; answer: string }) => ({
        request: `${recorded.method} ${recorded.path}`,
        status,
        reason,
        answer: comparable("", withoutWget(JSON.parse(answer) as { data?: unknown })),
      });
      expect(shown(answered)).toEqual(shown(recorded));
    }
  });
}

/** A web with one image: of that many bytes, and a disk of that size in it. */
function webOf(image: { bytes: number; mime?: string; checksum: string; virtualGib: number }): Web {
  const head = Buffer.alloc(512);
  head.write("QFI\xfb", "latin1");
  head.writeBigUInt64BE(BigInt(image.virtualGib * GIB), 24);
  return {
    metadata: (url) =>
      Promise.resolve({ filename: url.split("/").at(-1), mimetype: "application/octet-stream", size: image.bytes }),
    download: () => Promise.resolve({ size: image.bytes, head, digest: () => image.checksum }),
  };
}

const DEBIAN = webOf({
  bytes: 315_031_552,
  checksum:
    "514a99e02c0ae54c4c106addb9a868ab98906d7060e6d2c84b4fc6560082c137f59c5cb07542a15b94a4713711237bc32357b5f25c1d9c2ccc7d0ebd36ef51be",
  virtualGib: 3,
});

function onePve(cluster: Cluster): void {
  cluster.nodes.delete("pve2");
}

const LIFE = stepsOf("import-lifecycle");

describe("a recorded VM from an image, with its seed on an ISO", () => {
  replay({ steps: LIFE.slice(LIFE.findIndex(([name]) => name === "apply-create")), prepare: onePve, web: DEBIAN });
});

describe("the same with its disk on LVM-thin", () => {
  // What was edited in between is not in the recording.
  const edited = (pve: Pve): void => {
    pve.cluster.vms.get(100)?.config.set("tags", "edge;nexus-pull");
    pve.cluster.vms.get(100)?.pending.set("memory", "768");
  };
  replay({
    steps: stepsOf("import-lifecycle-local-lvm"),
    prepare: onePve,
    web: DEBIAN,
    before: { "grow-disk": edited },
  });
});

/** A small image on a storage of its own, and a VM that was there before. */
function withImage(cluster: Cluster): void {
  onePve(cluster);
  addVm(cluster, 100, "pve", { name: "web-1", memory: "384" });
  const imp = storage("imp", "dir", ["import", "iso"]);
  cluster.storages.set("imp", imp);
  const image = { content: "import", format: "qcow2", size: 1, virtualSize: GIB, ctime: 0 } as const;
  volumesOn(imp, "pve").set("import/small.qcow2", image);
}

describe("a recorded VM from an image, with Proxmox's own cloud-init", () => {
  const steps = stepsOf("import-cloud-init-by-pve").slice(1);
  const first = steps[0]?.[1].findIndex(({ method, path }) => method === "POST" && path.endsWith("/qemu"));
  // The key of the request was shortened when it was recorded, and one edit in between was not recorded.
  const key = "AAAAC3NzaC1lZDI1NTE5AAAAIJ5mmm5mmm5mmm5mmm5mmm5mmm5mmm5mmm5mmm5mmm5m";
  const whole = (all: readonly Recorded[]) =>
    all.map((one) => ({ ...one, body: one.body?.replace("%2520AAAA%2520", `%2520${key}%2520`) }));
  const fromCreate = steps.map(([name, all], index): Step => [name, whole(index === 0 ? all.slice(first) : all)]);
  const edited = (pve: Pve): void => {
    pve.cluster.vms.get(101)?.config.set("tags", "a");
    pve.cluster.vms.get(101)?.pending.set("memory", "192");
  };
  replay({ steps: fromCreate, prepare: withImage, web: DEBIAN, before: { "edit-user": edited } });
});

describe("a recorded template from an image, and its clones", () => {
  replay({ steps: stepsOf("template-clone"), prepare: withImage, web: DEBIAN });
});

describe("recorded downloads, and what may be wrong with one", () => {
  const KNOWN = [
    "create-without-checksum",
    "file-exists",
    "file-exists-overwrite_unmanaged",
    "file-exists-checksum-equal",
    "file-exists-checksum-differs-overwrite_unmanaged",
    "wrong-checksum",
    "wrong-extension",
    "wrong-extension-img",
    "name-is-normalized",
    "not-a-qcow2",
    "qcow2-with-backing-file",
    "decompression",
    "storage-without-import",
    "no-such-storage",
  ];
  const SERVED =
    "2e45ec98e7ea7317e85b63cd0780eda19fc0bcdbfdbdcdb2a9cd88f295c03b8ecbf6bccc80a3be944ca10cfc02f3d3682e7f0fdbaa21f5e9586ffa1d9448a8de";
  const OTHER =
    "3f48751417b891bfa82813b9bf3ce97ed3c52960bb0a2fe4ba695ff8731cd2b3d2c74ec6d7bebc3ae2a02831e10814e01b5b30632edb518995cd95d29ab0b0dc";
  const good = webOf({ bytes: 196_616, checksum: SERVED, virtualGib: 1 });
  const web: Web = {
    async metadata(url, verify) {
      const answer = await good.metadata(url, verify);
      if (url.includes("notimage")) return { ...answer, size: 6 };
      return url.endsWith(".gz") ? { ...answer, size: 407, mimetype: "application/gzip" } : answer;
    },
    async download(url, verify) {
      const file = await good.download(url, verify);
      if (url.includes("notimage")) return { ...file, size: 6, head: Buffer.from("hello\n") };
      if (!url.includes("backing")) return file;
      const head = Buffer.from(file.head);
      head.writeBigUInt64BE(512n, 8);
      return { ...file, head };
    },
  };
  const without = (name: string) => (pve: Pve) => {
    const store = pve.cluster.storages.get("imp");
    if (store !== undefined) volumesOn(store, "pve").delete(`import/${name}`);
  };
  const prepare = (cluster: Cluster): void => {
    onePve(cluster);
    cluster.storages.set("imp", { ...storage("imp", "dir", ["import", "iso"]), path: "/var/lib/imp" });
    cluster.storages.set("noimp", storage("noimp", "dir", ["iso"]));
  };
  replay({
    steps: stepsOf("download-cases").filter(([name]) => KNOWN.includes(name)),
    prepare,
    web,
    before: {
      "file-exists-checksum-differs-overwrite_unmanaged": (pve) => {
        without("a.qcow2")(pve);
        const store = pve.cluster.storages.get("imp");
        const file = { content: "import", format: "qcow2", size: 1, ctime: 0, digest: () => OTHER } as const;
        if (store !== undefined) volumesOn(store, "pve").set("import/a.qcow2", file);
      },
      "wrong-checksum": without("a.qcow2"),
      "name-is-normalized": without("a.qcow2"),
    },
  });
});

describe("a download while the folder's last file is deleted", () => {
  let pve: Pve;
  afterAll(() => pve?.stop());

  it("fails as it did on a real Proxmox: the folder goes with the file, under the download", async () => {
    const times = { ...FAST_TIMES, tasks: { ...FAST_TIMES.tasks, download: 200, imgdel: 20 } };
    pve = await startPve({ prepare: onePve, web: DEBIAN, times });
    const headers = { authorization: `PVEAPIToken=${pve.credentials.apiToken}` };
    const storagePath = "/api2/json/nodes/pve/storage/local";
    const ask = (method: string, path: string, body = "") => send(pve.endpoint, { method, path, body, headers });
    const download = (name: string) =>
      ask("POST", `${storagePath}/download-url`, `content=import&filename=${name}&url=https://images.example/${name}`);
    await download("old.qcow2");
    await pve.world.tasks.idle();
    await ask("DELETE", `${storagePath}/content/local:import%2Fold.qcow2`);
    await download("new.qcow2");
    await pve.world.tasks.idle();
    const [task] = pve.world.tasks.list("pve");
    expect(task?.exitstatus).toMatch(
      /^download failed: \/var\/lib\/vz\/import\/new\.qcow2\.tmp_dwnl\.\d+: No such file or directory$/,
    );
  });
});
