// What a real Proxmox VE 9.2 was seen to answer, beside the recorded life of one VM: refusals and their texts.
import { tool } from "../../lab/host/tools";
import { describeWith } from "../support/suites";
import { readDescription } from "../../lab/pve/api/description";
import { send, type Answered } from "../../lab/pve/api/client";
import { addTemplate, addVm, type Cluster } from "../../lab/pve/world/cluster";
import { problemsOf } from "../../lab/pve/api/described-answers";
import { startPve, type Pve } from "../../lab/pve/stand-in";

const GOLDEN = { node: "pve", storage: "local", sizeGib: 1, ctime: 1 };
const RUNNING = 201;

function prepare(cluster: Cluster): void {
  cluster.nodes.delete("pve2");
  addTemplate(cluster, { ...GOLDEN, vmid: 9000, name: "tmpl" });
  addTemplate(cluster, { ...GOLDEN, vmid: 200, name: "plain", template: false, config: { serial0: "socket" } });
  addTemplate(cluster, { ...GOLDEN, vmid: RUNNING, name: "running", template: false });
  addVm(cluster, 202, "pve", { name: "locked", lock: "backup" });
  addVm(cluster, 203, "pve", { name: "protected", protection: "1" });
  addVm(cluster, 204, "pve", { name: "nobridge", net0: "virtio=BC:24:11:00:00:09,bridge=nobr", agent: "1" });
  const running = cluster.vms.get(RUNNING);
  if (running !== undefined) running.running = { since: 0, pid: 1 };
}

const NODE = "/nodes/pve";
const VM = `${NODE}/qemu`;
const UNDEFINED = "property is not defined in schema and the schema does not allow additional properties";

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

/** The text with which a task ended; waits until it did. */
async function endOf(answered: Answered): Promise<string> {
  await pve.world.tasks.idle();
  return pve.world.tasks.get(String(dataOf(answered))).exitstatus ?? "";
}

type Refusal = [method: string, path: string, body: string, status: number, reason: string];

const NO_CONF = "Configuration file 'nodes/pve/qemu-server/999.conf' does not exist";

const REFUSED: Refusal[] = [
  ["GET", "/nosuchpath", "", 501, "Method 'GET /nosuchpath' not implemented"],
  ["GET", `${VM}/999/config`, "", 500, NO_CONF],
  ["GET", `${VM}/999/status/current`, "", 500, NO_CONF],
  ["PUT", `${VM}/999/config`, "name=a", 500, NO_CONF],
  ["GET", `${VM}/999/pending`, "", 500, NO_CONF],
  ["DELETE", `${VM}/999`, "", 500, NO_CONF],
  ["POST", `${VM}/9999/clone`, "newid=300", 500, "unable to find configuration file for VM 9999 on node 'pve'"],
  ["POST", `${VM}/9000/clone`, "newid=200", 500, "unable to create VM 200: config file already exists"],
  ["POST", `${VM}/9000/clone`, "newid=300&full=1&storage=nosuch", 500, "storage 'nosuch' does not exist"],
  ["POST", `${VM}/9000/clone`, "newid=300&target=other", 500, "no such cluster node 'other'"],
  ["PUT", `${VM}/200/config`, "", 500, "no options specified"],
  ["PUT", `${VM}/200/config`, "name=a&digest=abc", 500, "checksum mismatch (file change by other user?)"],
  ["PUT", `${VM}/200/config`, "ide2=file=nosuch:cloudinit,", 500, "storage 'nosuch' does not exist"],
  [
    "PUT",
    `${VM}/200/config`,
    "ide2=file=local:iso/none.iso,media=cdrom,",
    500,
    "volume 'local:iso/none.iso' does not exist",
  ],
  ["PUT", `${VM}/202/config`, "name=a", 500, "VM is locked (backup)"],
  ["DELETE", `${VM}/${RUNNING}`, "", 500, `VM ${RUNNING} is running - destroy failed`],
  ["DELETE", `${VM}/203`, "", 500, "can't remove VM 203 - protection mode enabled"],
  ["POST", `${VM}/200/status/reboot`, "", 500, "VM 200 not running"],
  ["POST", `${VM}/200/migrate`, "target=pve", 500, "target is local node."],
  ["GET", "/cluster/ha/resources/vm:200", "", 500, "no such resource 'vm:200'"],
  ["GET", `${VM}/200/agent/network-get-interfaces`, "", 500, "VM 200 is not running"],
  ["GET", `${VM}/${RUNNING}/agent/network-get-interfaces`, "", 500, "QEMU guest agent is not running"],
  ["GET", `${VM}/202/agent/network-get-interfaces`, "", 500, "No QEMU guest agent configured"],
  ["GET", "/storage/nosuch", "", 500, "storage 'nosuch' does not exist"],
  [
    "GET",
    `${NODE}/storage/local/content/local:snippets%2Fnone.yaml`,
    "",
    500,
    "volume_size_info on 'local:snippets/none.yaml' failed - no format",
  ],
];

describe("refusals", () => {
  it.each(REFUSED)("%s %s %s: %i %s", async (method, path, body, status, reason) => {
    const answered = await call(method, path, body);
    expect([answered.status, answered.reason]).toEqual([status, reason]);
    const newline = status === 501 ? "" : "\n";
    expect(JSON.parse(answered.answer)).toEqual({ data: null, message: `${reason}${newline}` });
  });

  it("knows no node that is not in the cluster", async () => {
    const { status, reason } = await call("GET", "/nodes/nosuch/qemu");
    expect(status).toBe(500);
    expect(reason).toMatch(/^hostname lookup 'nosuch' failed - failed to get address info for: nosuch: /);
  });
});

type BadParameter = [method: string, path: string, body: string, errors: Record<string, string>];

const BAD: BadParameter[] = [
  ["GET", `${VM}/abc/config`, "", { vmid: "type check ('integer') failed - got 'abc'" }],
  ["GET", `${VM}/99/config`, "", { vmid: "invalid format - value does not look like a valid VM ID\n" }],
  ["POST", `${VM}/9000/clone`, "full=1", { newid: "property is missing and it is not optional" }],
  ["PUT", `${VM}/200/config`, "delete=nosuch", { delete: "unknown option 'nosuch'" }],
  [
    "PUT",
    `${VM}/200/config`,
    "tags=a&delete=tags",
    { delete: "you can't use '-tags' and -delete tags' at the same time" },
  ],
  ["PUT", `${VM}/200/config`, "nosuch=1", { nosuch: UNDEFINED }],
  [
    "PUT",
    `${VM}/200/config`,
    "net0=virtio,brdge=vmbr0",
    { net0: `invalid format - format error\nnet0.brdge: ${UNDEFINED}\n` },
  ],
  ["PUT", `${VM}/200/config`, "cores=zero&memory=256", { cores: "type check ('integer') failed - got 'zero'" }],
  ["PUT", `${VM}/200/config`, "cores=0", { cores: "value must have a minimum value of 1" }],
  [
    "PUT",
    `${VM}/200/config`,
    "agent=maybe",
    { agent: "invalid format - format error\nagent.enabled: type check ('boolean') failed - got 'maybe'\n" },
  ],
  ["PUT", `${VM}/200/config`, "name=a_b", { name: "invalid format - value does not look like a valid DNS name\n" }],
  ["GET", "/cluster/nextid?vmid=200", "", { vmid: "VM 200 already exists" }],
  ["GET", `${NODE}/storage/nosuch/status`, "", { storage: "No such storage." }],
  [
    "GET",
    `${NODE}/tasks/${encodeURIComponent("UPID:pve:00000001:00000001:00000001:qmstart:1:root@pam:")}/status`,
    "",
    { upid: "no such task" },
  ],
  ["GET", `${NODE}/tasks/garbage/status`, "", { upid: "unable to parse worker upid" }],
];

describe("bad parameters, all together and nothing applied", () => {
  it.each(BAD)("%s %s %s", async (method, path, body, errors) => {
    const before = JSON.stringify([...(pve.cluster.vms.get(200)?.config ?? [])]);
    const answered = await call(method, path, body);
    expect([answered.status, answered.reason]).toEqual([400, "Parameter verification failed."]);
    expect((JSON.parse(answered.answer) as { errors: unknown }).errors).toEqual(errors);
    expect(JSON.stringify([...(pve.cluster.vms.get(200)?.config ?? [])])).toBe(before);
  });
});

type TaskEnd = [method: string, path: string, body: string, end: string];

const TASK_ENDS: TaskEnd[] = [
  ["POST", `${VM}/999/status/start`, "", NO_CONF],
  ["POST", `${VM}/999/status/stop`, "", "unable to find configuration file for VM 999 on node 'pve'"],
  ["PUT", `${VM}/999/resize`, "disk=scsi0&size=1", NO_CONF],
  ["POST", `${VM}/${RUNNING}/status/start`, "", `VM ${RUNNING} already running`],
  ["POST", `${VM}/9000/status/start`, "", "you can't start a vm if it's a template"],
  ["POST", `${VM}/204/status/start`, "", "bridge 'nobr' does not exist"],
  ["POST", `${VM}/200/status/stop`, "", "OK"],
  ["DELETE", `${VM}/202`, "", "VM is locked (backup)"],
  ["PUT", `${VM}/200/resize`, "disk=scsi0&size=1024", "shrinking disks is not supported"],
  ["PUT", `${VM}/200/resize`, "disk=scsi5&size=1024", "disk 'scsi5' does not exist"],
  ["DELETE", `${NODE}/storage/local/content/local:snippets%2Fnone.yaml`, "", "OK"],
];

describe("what only the task tells", () => {
  it.each(TASK_ENDS)("%s %s %s: %s", async (method, path, body, end) => {
    const answered = await call(method, path, body);
    expect(answered.status).toBe(200);
    expect(await endOf(answered)).toBe(end);
  });
});

describe("logging in", () => {
  const login = (body: string) => send(pve.endpoint, { method: "POST", path: "/api2/json/access/ticket", body });

  it("gives a ticket, with which a write needs the CSRF token", async () => {
    const { password } = pve.credentials;
    const data = dataOf(await login(`username=root@pam&password=${password}`)) as Record<string, string>;
    expect(Object.keys(data).sort()).toEqual(["CSRFPreventionToken", "cap", "ticket", "username"]);
    const cookie = `PVEAuthCookie=${encodeURIComponent(data.ticket ?? "")}`;
    const put = (headers: Record<string, string>) =>
      send(pve.endpoint, { method: "PUT", path: `/api2/json${VM}/200/config`, body: "description=x", headers });
    expect(await put({ cookie })).toMatchObject({
      status: 401,
      reason: "Permission denied - invalid csrf token",
      answer: "",
    });
    expect(await put({ cookie, csrfpreventiontoken: data.CSRFPreventionToken ?? "" })).toMatchObject({ status: 200 });
  });

  it("refuses a wrong password with a body", async () => {
    const answered = await login("username=root@pam&password=wrong");
    expect(answered).toMatchObject({ status: 401, reason: "authentication failure" });
    expect(JSON.parse(answered.answer)).toEqual({ data: null, message: "authentication failure\n" });
  });

  it("refuses without a body when there is no ticket, or a wrong token", async () => {
    const none = await send(pve.endpoint, { method: "GET", path: "/api2/json/version" });
    expect(none).toMatchObject({ status: 401, reason: "No ticket", answer: "" });
    expect(await call("GET", "/version", "", "root@pam!lab=wrong")).toMatchObject({
      status: 401,
      reason: "Authentication failed!",
      answer: "",
    });
  });
});

describe("values as they are kept", () => {
  const KEPT: [sent: string, key: string, kept: unknown][] = [
    ["tags=UPPER,lower", "tags", "lower;upper"],
    [
      "net0=model=virtio,bridge=vmbr0,firewall=0",
      "net0",
      expect.stringMatching(/^virtio=BC:24:11(:[0-9A-F]{2}){3},bridge=vmbr0,firewall=0$/),
    ],
    ["onboot=1", "onboot", 1],
    ["memory=256", "memory", "256"],
    ["cpu=x86-64-v2-AES", "cpu", "x86-64-v2-AES"],
    ["cipassword=secret", "cipassword", "**********"],
    [
      "scsi0=local:200/vm-200-disk-0.qcow2,ssd=0,aio=io_uring,size=1",
      "scsi0",
      "local:200/vm-200-disk-0.qcow2,aio=io_uring,size=1G,ssd=0",
    ],
  ];

  it.each(KEPT)("%s", async (sent, key, kept) => {
    const body = sent.replace(
      /^([^=]+)=(.*)$/,
      (_all, name: string, value: string) => `${name}=${encodeURIComponent(value)}`,
    );
    expect((await call("PUT", `${VM}/200/config`, body)).reason).toBe("OK");
    expect((dataOf(await call("GET", `${VM}/200/config`)) as Record<string, unknown>)[key]).toEqual(kept);
  });
});

describeWith(["pve-description"], "all of these answers", () => {
  it("are as Proxmox describes them", () => {
    const description = readDescription(tool("pve-description"));
    expect(pve.log.all().length).toBeGreaterThan(60);
    expect(pve.log.all().flatMap((entry) => problemsOf(entry, description))).toEqual([]);
  });
});
