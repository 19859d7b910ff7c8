// What a cluster does with VMs, disks, files and pools, without a provider in between: the outcome, not only the answer.
import { send, type Answered } from "../../lab/pve/api/client";
import { addTemplate, type Cluster } from "../../lab/pve/world/cluster";
import { startPve, type Pve } from "../../lab/pve/stand-in";

const GOLDEN = { node: "pve", storage: "local-lvm", sizeGib: 1, ctime: 1 };
const NODE = "/nodes/pve";
const VM = `${NODE}/qemu`;

function prepare(cluster: Cluster): void {
  addTemplate(cluster, { ...GOLDEN, vmid: 9000, name: "tmpl" });
  addTemplate(cluster, { ...GOLDEN, vmid: 200, name: "plain", template: false });
}

let pve: Pve;
beforeEach(async () => (pve = await startPve({ prepare })));
afterEach(() => pve?.stop());

function call(method: string, path: string, body = "", type?: string): Promise<Answered> {
  const authorization = `PVEAPIToken=${pve.credentials.apiToken}`;
  const headers = { authorization, ...(type === undefined ? {} : { "content-type": type }) };
  return send(pve.endpoint, { method, path: `/api2/json${path}`, body, headers });
}

function dataOf(answered: Answered): unknown {
  return (JSON.parse(answered.answer) as { data: unknown }).data;
}

async function endOf(answered: Answered): Promise<string> {
  await pve.world.tasks.idle();
  return pve.world.tasks.get(String(dataOf(answered))).exitstatus ?? "";
}

const volumes = (store: string) => [...(pve.cluster.storages.get(store)?.volumes.get("pve")?.keys() ?? [])].sort();
const config = (vmid: number) => Object.fromEntries(pve.cluster.vms.get(vmid)?.config ?? []);

describe("disks", () => {
  it("move to another storage, and the old one is gone or unused, as asked", async () => {
    expect(await endOf(await call("POST", `${VM}/200/move_disk`, "disk=scsi0&storage=local&delete=1"))).toBe("OK");
    expect(config(200).scsi0).toBe("local:200/vm-200-disk-0.raw,size=1G");
    expect(volumes("local-lvm")).toEqual(["base-9000-disk-0"]);
    expect(await endOf(await call("POST", `${VM}/200/move_disk`, "disk=scsi0&storage=local-lvm"))).toBe("OK");
    expect(config(200)).toMatchObject({
      scsi0: "local-lvm:vm-200-disk-0,size=1G",
      unused0: expect.stringMatching(/^local:/),
    });
  });

  it("do not move to where they are", async () => {
    const refused = await call("POST", `${VM}/200/move_disk`, "disk=scsi0&storage=local-lvm");
    expect(refused).toMatchObject({ status: 500, reason: "you can't move to the same storage with same format" });
  });

  it("grow and never shrink", async () => {
    expect(await endOf(await call("PUT", `${VM}/200/resize`, "disk=scsi0&size=3G"))).toBe("OK");
    expect(config(200).scsi0).toContain("size=3G");
    expect(await endOf(await call("PUT", `${VM}/200/resize`, "disk=scsi0&size=2G"))).toBe(
      "shrinking disks is not supported",
    );
    expect(config(200).scsi0).toContain("size=3G");
  });

  it("are not made on a full storage", async () => {
    const store = pve.cluster.storages.get("local-lvm");
    if (store !== undefined) store.full = true;
    expect(await endOf(await call("POST", `${VM}/9000/clone`, "newid=300&full=1"))).toContain("no space left");
    expect(pve.cluster.vms.has(300)).toBe(false);
  });
});

describe("uploads", () => {
  const FORM = "multipart/form-data; boundary=b";
  const part = (name: string, value: string, file = "") =>
    `--b\r\nContent-Disposition: form-data; name="${name}"${file === "" ? "" : `; filename="${file}"`}\r\n\r\n${value}\r\n`;
  const form = (kind: string, file: string, bytes: string) =>
    `${kind === "" ? "" : part("content", kind)}${part("filename", bytes, file)}--b--\r\n`;
  const upload = (kind: string, file: string, bytes = "x") =>
    call("POST", `${NODE}/storage/local/upload`, form(kind, file, bytes), FORM);
  const errors = (answered: Answered) => (JSON.parse(answered.answer) as { errors: unknown }).errors;

  it("keep an ISO's bytes, and a second one of the name takes its place", async () => {
    expect(await endOf(await upload("iso", "a.iso", "one"))).toBe("OK");
    expect(await endOf(await upload("iso", "a.iso", "two\0"))).toBe("OK");
    const [listed] = dataOf(await call("GET", `${NODE}/storage/local/content?content=iso`)) as object[];
    expect(listed).toMatchObject({ volid: "local:iso/a.iso", size: 4, format: "iso" });
    expect(pve.cluster.storages.get("local")?.volumes.get("pve")?.get("iso/a.iso")?.bytes?.toString()).toBe("two\0");
    expect(await endOf(await call("DELETE", `${NODE}/storage/local/content/local:iso%2Fa.iso`))).toBe("OK");
    expect(volumes("local")).toEqual([]);
  });

  it("take no snippet, no other suffix, and need their kind", async () => {
    const kinds = "value 'snippets' does not have a value in the enumeration 'iso, vztmpl, import'";
    expect(errors(await upload("snippets", "a.yaml"))).toEqual({ content: kinds });
    expect(errors(await upload("iso", "a.txt"))).toEqual({ filename: "wrong file extension" });
    expect(errors(await upload("", "a.iso"))).toEqual({ content: "property is missing and it is not optional" });
  });
});

describe("ids, pools and resources", () => {
  it("tells the lowest free id as text and reserves nothing", async () => {
    expect(dataOf(await call("GET", "/cluster/nextid"))).toBe("100");
    expect(dataOf(await call("GET", "/cluster/nextid"))).toBe("100");
    expect(await endOf(await call("POST", `${VM}/9000/clone`, "newid=100"))).toBe("OK");
    expect(dataOf(await call("GET", "/cluster/nextid"))).toBe("101");
  });

  it("lets one of two clones with the same id win", async () => {
    const both = await Promise.all([0, 1].map(() => call("POST", `${VM}/9000/clone`, "newid=100&full=1")));
    const ends = await Promise.all(both.filter(({ status }) => status === 200).map(endOf));
    expect(ends.filter((end) => end === "OK")).toHaveLength(1);
    expect(pve.cluster.vms.get(100)?.config.has("lock")).toBe(false);
  });

  it("knows a pool's VMs, shows it at the VM, and forgets destroyed ones", async () => {
    await call("POST", "/pools", "poolid=ops");
    expect(await endOf(await call("POST", `${VM}/9000/clone`, "newid=100&pool=ops"))).toBe("OK");
    const vms = dataOf(await call("GET", "/cluster/resources?type=vm")) as { vmid: number; pool?: string }[];
    expect(vms.find(({ vmid }) => vmid === 100)?.pool).toBe("ops");
    expect((await call("DELETE", "/pools?poolid=ops")).status).toBe(500);
    expect(await endOf(await call("DELETE", `${VM}/100`))).toBe("OK");
    expect((await call("DELETE", "/pools?poolid=ops")).status).toBe(200);
  });
});

describe("a VM on another node", () => {
  it("migrates while it runs, if asked to, with its disks and its seed's drive", async () => {
    await call("PUT", `${VM}/200/config`, "ide2=local-lvm:cloudinit");
    expect(await endOf(await call("POST", `${VM}/200/status/start`))).toBe("OK");
    const { running } = pve.cluster.vms.get(200) ?? {};
    expect((await call("POST", `${VM}/200/migrate`, "target=pve2&with-local-disks=1")).reason).toBe(
      "can't migrate running VM without --online",
    );
    expect(await endOf(await call("POST", `${VM}/200/migrate`, "target=pve2&with-local-disks=1&online=1"))).toBe("OK");
    expect(pve.cluster.vms.get(200)).toMatchObject({ node: "pve2", running });
    const there = [...(pve.cluster.storages.get("local-lvm")?.volumes.get("pve2")?.keys() ?? [])];
    expect(there.sort()).toEqual(["vm-200-cloudinit", "vm-200-disk-0"]);
    expect(volumes("local-lvm")).toEqual(["base-9000-disk-0"]);
  });
});
