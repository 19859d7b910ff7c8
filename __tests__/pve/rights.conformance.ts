// Who may do what: the privileges that a real Proxmox VE 9.2 was seen to ask for, by path.
import { send, type Answered } from "../../lab/pve/api/client";
import { addTemplate, type Cluster } from "../../lab/pve/world/cluster";
import { writeSnippet } from "../../lab/pve/world/snippets";
import { startPve, type Pve } from "../../lab/pve/stand-in";

const GOLDEN = { node: "pve", storage: "local", sizeGib: 1, ctime: 1 };
const NODE = "/nodes/pve";
const VM = `${NODE}/qemu`;

// What was measured to be enough for create, plan and destroy with a snippet.
const ENOUGH = [
  ...["Allocate", "Audit", "Clone", "PowerMgmt"].map((name) => `VM.${name}`),
  ...["CDROM", "CPU", "Cloudinit", "Disk", "HWType", "Memory", "Network", "Options"].map((name) => `VM.Config.${name}`),
  "SDN.Use",
  ...["Audit", "AllocateSpace", "AllocateTemplate", "Allocate"].map((name) => `Datastore.${name}`),
];

function prepare(cluster: Cluster): void {
  addTemplate(cluster, { ...GOLDEN, vmid: 9000, name: "tmpl" });
  addTemplate(cluster, { ...GOLDEN, vmid: 200, name: "plain", template: false });
  addTemplate(cluster, { ...GOLDEN, vmid: 201, name: "other", template: false });
  cluster.storages.get("local")?.snippetsFolder.add("pve");
  writeSnippet(cluster, "pve", "/var/lib/vz/snippets/a.yaml", Buffer.from("a"), 1);
  for (const name of ["limited", "none", "enough", "one", "uploads"]) cluster.tokens.set(`${name}@pve!tok`, "s3cret");
  const grant = (path: string, name: string, ...privileges: string[]) => ({
    path,
    who: `${name}@pve!tok`,
    privileges: new Set(privileges),
  });
  cluster.grants = [
    grant("/", "limited", "VM.Audit", "VM.Config.Options"),
    grant("/", "enough", ...ENOUGH),
    grant("/vms/200", "one", "VM.Audit", "VM.PowerMgmt"),
    grant("/", "uploads", "Datastore.Audit"),
  ];
}

let pve: Pve;
beforeAll(async () => (pve = await startPve({ prepare })));
afterAll(() => pve?.stop());

function call(method: string, path: string, body = "", token?: string): Promise<Answered> {
  const authorization = `PVEAPIToken=${token ?? pve.credentials.apiToken}`;
  return send(pve.endpoint, { method, path: `/api2/json${path}`, body, headers: { authorization } });
}

function dataOf(answered: Answered): unknown {
  return (JSON.parse(answered.answer) as { data: unknown }).data;
}

const ALL_CONFIG = ["Disk", "CDROM", "CPU", "Memory", "Network", "HWType", "Options", "Cloudinit"];
const ANY_CONFIG = ALL_CONFIG.map((name) => `VM.Config.${name}`).join("|");
const LIMITED = "limited@pve!tok=s3cret";
const NONE = "none@pve!tok=s3cret";

type Right = [token: string, method: string, path: string, body: string, reason: string];

const FORBIDDEN: Right[] = [
  [NONE, "GET", `${VM}/9000/config`, "", "Permission check failed (/vms/9000, VM.Audit)"],
  [NONE, "POST", `${VM}/9999/clone`, "newid=300", "Permission check failed (/vms/9999, VM.Clone)"],
  [NONE, "PUT", `${VM}/200/config`, "name=a", `Permission check failed (/vms/200, ${ANY_CONFIG})`],
  [NONE, "GET", "/storage/local", "", "Permission check failed (/storage/local, Datastore.Allocate)"],
  [LIMITED, "PUT", `${VM}/200/config`, "memory=512", "Permission check failed (/vms/200, VM.Config.Memory)"],
  [LIMITED, "PUT", `${VM}/200/config`, "cores=1", "Permission check failed (/vms/200, VM.Config.CPU)"],
  [LIMITED, "PUT", `${VM}/200/config`, "net0=virtio", "Permission check failed (/vms/200, VM.Config.Network)"],
  [
    LIMITED,
    "PUT",
    `${VM}/200/config`,
    "ciuser=a",
    "Permission check failed (/vms/200, VM.Config.Cloudinit|VM.Config.Network)",
  ],
  [
    LIMITED,
    "PUT",
    `${VM}/200/config`,
    "ide2=local:cloudinit",
    "Permission check failed (/vms/200, VM.Config.Cloudinit)",
  ],
  [LIMITED, "PUT", `${VM}/200/config`, "smbios1=base64=1", "Permission check failed (/vms/200, VM.Config.HWType)"],
  [LIMITED, "PUT", `${VM}/200/config`, "startup=order=1", "Permission check failed (/, Sys.Modify)"],
  [LIMITED, "POST", `${VM}/200/status/start`, "", "Permission check failed (/vms/200, VM.PowerMgmt)"],
];

describe("rights", () => {
  it.each(FORBIDDEN)("%s %s %s %s: 403 %s", async (token, method, path, body, reason) => {
    const answered = await call(method, path, body, token);
    expect([answered.status, answered.reason]).toEqual([403, reason]);
  });

  it.each(["/version", "/nodes", "/storage", `${VM}`, "/pools", "/cluster/resources?type=vm", "/cluster/nextid"])(
    "GET %s is answered to everybody",
    async (path) => {
      expect((await call("GET", path, "", NONE)).status).toBe(200);
    },
  );

  it("lets only root itself set args, not its token", async () => {
    const answered = await call("PUT", `${VM}/200/config`, "args=-s");
    expect([answered.status, answered.reason]).toEqual([500, "only root can set 'args' config"]);
  });
});

describe("rights on paths", () => {
  const ONE = "one@pve!tok=s3cret";
  const ENOUGH_TOKEN = "enough@pve!tok=s3cret";

  it("counts a grant on one VM for that VM only", async () => {
    expect((await call("GET", `${VM}/200/config`, "", ONE)).status).toBe(200);
    expect((await call("POST", `${VM}/200/status/stop`, "", ONE)).status).toBe(200);
    expect(await call("GET", `${VM}/201/config`, "", ONE)).toMatchObject({
      status: 403,
      reason: "Permission check failed (/vms/201, VM.Audit)",
    });
    expect((dataOf(await call("GET", VM, "", ONE)) as { vmid: number }[]).map(({ vmid }) => vmid)).toEqual([200]);
    const resources = dataOf(await call("GET", "/cluster/resources?type=vm", "", ONE)) as { vmid: number }[];
    expect(resources.map(({ vmid }) => vmid)).toEqual([200]);
  });

  it("lists snippets to those only who may allocate on the storage, and says nothing to others", async () => {
    const path = `${NODE}/storage/local/content?content=snippets`;
    expect(dataOf(await call("GET", path, "", ENOUGH_TOKEN))).toHaveLength(1);
    expect(dataOf(await call("GET", path, "", "uploads@pve!tok=s3cret"))).toEqual([]);
  });

  it("refuses an upload without a body", async () => {
    const refused = await call(
      "POST",
      `${NODE}/storage/local/upload`,
      "content=iso&filename=a.iso",
      "uploads@pve!tok=s3cret",
    );
    expect(refused).toMatchObject({ status: 403, answer: "" });
    expect(refused.reason).toBe("Permission check failed (/storage/local, Datastore.AllocateTemplate)");
  });

  it("lets a token with what is enough clone, configure, start, stop and destroy", async () => {
    const steps: [string, string, string][] = [
      ["POST", `${VM}/9000/clone`, "newid=300&full=1"],
      ["PUT", `${VM}/300/config`, "memory=512&cores=1&net0=virtio,bridge=vmbr0&smbios1=base64=1&ide2=local:cloudinit"],
      ["PUT", `${VM}/300/resize`, "disk=scsi0&size=2147483648"],
      ["POST", `${VM}/300/status/start`, ""],
      ["POST", `${VM}/300/status/stop`, ""],
      ["DELETE", `${VM}/300`, ""],
    ];
    for (const [method, path, body] of steps) {
      expect(await call(method, path, body, ENOUGH_TOKEN)).toMatchObject({ status: 200 });
      await pve.world.tasks.idle();
    }
    expect(pve.cluster.vms.has(300)).toBe(false);
  });
});
