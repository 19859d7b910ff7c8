// Every answer that the stand-in gives, against Proxmox's own description: once for each route here, and each one that the
// other suites get (stack.ts of __tests__/construct-on-pve watches them all).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tool } from "../../lab/host/tools";
import { describeWith } from "../support/suites";
import { answerProblems } from "../../lab/pve/api/answer-check";
import { readDescription, type Description } from "../../lab/pve/api/description";
import { send } from "../../lab/pve/api/client";
import { addTemplate, addVm, type Cluster } from "../../lab/pve/world/cluster";
import { SEEN_IN_THE_RECORDING, watchAnswers } from "../../lab/pve/api/described-answers";
import type { Web } from "../../lab/pve/world/web";
import { allRoutes, startPve, type Pve } from "../../lab/pve/stand-in";

const GOLDEN = { node: "pve", storage: "local", sizeGib: 1, ctime: 1 };
const RUNNING = 201;
const SEED = "local:200/vm-200-cloudinit.qcow2,media=cdrom";

function prepare(cluster: Cluster): void {
  addTemplate(cluster, { ...GOLDEN, vmid: 9000, name: "tmpl" });
  addTemplate(cluster, { ...GOLDEN, vmid: 200, name: "plain", template: false, config: { ide2: SEED } });
  addTemplate(cluster, { ...GOLDEN, vmid: RUNNING, name: "running", template: false, config: { lock: "backup" } });
  addTemplate(cluster, { ...GOLDEN, vmid: 202, name: "tagged", template: false, config: { tags: "a;b" } });
  addVm(cluster, 203, "pve", { name: "converted" });
  addVm(cluster, 204, "pve", { name: "gone" });
  const running = cluster.vms.get(RUNNING);
  if (running === undefined) return;
  running.running = { since: 0, pid: 1 };
  running.pending.set("memory", "4096").set("tags", null);
  Object.assign(running.guest, { agent: true, addresses: ["192.0.2.9", "2001:db8::9"] });
}

const NODE = "/nodes/pve";
const VM = `${NODE}/qemu`;
const FORM = "multipart/form-data; boundary=b";
const ISO = [
  '--b\r\nContent-Disposition: form-data; name="content"\r\n\r\niso\r\n',
  '--b\r\nContent-Disposition: form-data; name="filename"; filename="a.iso"\r\n\r\nbytes\r\n--b--\r\n',
].join("");

const WEB: Web = {
  metadata: () => Promise.resolve({ filename: "a.qcow2", mimetype: "application/octet-stream", size: 6 }),
  download: () => Promise.resolve({ size: 6, head: Buffer.from("hello\n"), digest: () => "" }),
};

type Asked = [method: string, path: string, body?: string, type?: string];

/** One successful call of each route, and more where the answer has several shapes. UPID: of the task before it. */
const CALLS: Asked[] = [
  ["GET", "/version"],
  ["POST", "/access/ticket", "username=root@pam&password=PASSWORD"],
  ["GET", "/cluster/nextid"],
  ["GET", "/cluster/nextid?vmid=777"],
  ["GET", "/nodes"],
  ["GET", `${NODE}/network`],
  ["POST", "/pools", "poolid=ops&comment=c"],
  ["PUT", "/pools", "poolid=ops&vms=202"],
  ["GET", "/pools"],
  ["GET", "/pools?poolid=ops"],
  ["GET", "/cluster/resources"],
  ["PUT", "/pools", "poolid=ops&vms=202&delete=1"],
  ["DELETE", "/pools?poolid=ops"],
  ["GET", "/storage"],
  ["GET", "/storage/local"],
  ["GET", "/storage/ceph"],
  ["PUT", "/storage/ceph", "content=images,rootdir"],
  ["GET", `${NODE}/query-url-metadata?url=https://images.example/a.qcow2`],
  ["POST", `${NODE}/storage/local/download-url`, "content=iso&filename=b.iso&url=https://images.example/b.iso"],
  ["POST", VM, "vmid=400&name=made&scsi0=local:1&net0=virtio,bridge=vmbr0"],
  ["GET", `${NODE}/storage`],
  ["GET", `${NODE}/storage/local/status`],
  ["POST", `${NODE}/storage/local/upload`, ISO, FORM],
  ["GET", `${NODE}/storage/local/content`],
  ["GET", `${NODE}/storage/local/content/local:iso%2Fa.iso`],
  ["DELETE", `${NODE}/storage/local/content/local:iso%2Fa.iso`],
  ["POST", `${VM}/9000/clone`, "newid=300&full=1"],
  ["GET", `${NODE}/tasks?source=all`],
  ["GET", `${NODE}/tasks/UPID/status`],
  ["GET", `${NODE}/tasks/UPID/log`],
  ["GET", `${NODE}/tasks`],
  ["DELETE", `${NODE}/tasks/UPID`],
  ["GET", VM],
  ["GET", `${VM}/200/config`],
  ["GET", `${VM}/${RUNNING}/config?current=1`],
  ["GET", `${VM}/200/status/current`],
  ["GET", `${VM}/9000/status/current`],
  ["GET", `${VM}/${RUNNING}/status/current`],
  ["GET", `${VM}/${RUNNING}/pending`],
  ["GET", `${VM}/${RUNNING}/agent/network-get-interfaces`],
  ["PUT", `${VM}/200/config`, "cores=2&delete=net1"],
  ["PUT", `${VM}/200/resize`, "disk=scsi0&size=2147483648"],
  ["POST", `${VM}/200/move_disk`, "disk=scsi0&storage=local-lvm&delete=1"],
  ["GET", `${VM}/200/cloudinit`],
  ["PUT", `${VM}/200/cloudinit`],
  ["GET", `${VM}/200/cloudinit/dump?type=user`],
  ["POST", `${VM}/202/status/start`],
  ["POST", `${VM}/202/status/reboot`],
  ["POST", `${VM}/202/status/shutdown`],
  ["POST", `${VM}/202/status/stop`],
  ["POST", `${VM}/202/migrate`, "target=pve2&with-local-disks=1"],
  ["POST", `${VM}/203/template`],
  ["DELETE", `${VM}/204`],
];

describeWith(["pve-description"], "the answers of the stand-in", () => {
  const routes = allRoutes().all.map(({ method, path }) => `${method} ${path}`);
  let description: Description;
  let pve: Pve;
  let problems: () => string[];
  let upid = "";

  beforeAll(async () => {
    description = readDescription(tool("pve-description"));
    pve = await startPve({ prepare, web: WEB });
    problems = watchAnswers(pve.log, description);
  });

  afterAll(() => pve?.stop());

  async function call([method, path, body = "", type]: Asked) {
    const { apiToken, password } = pve.credentials;
    const headers = {
      authorization: `PVEAPIToken=${apiToken}`,
      ...(type === undefined ? {} : { "content-type": type }),
    };
    const sent = { method, path: `/api2/json${path.replace("UPID", encodeURIComponent(upid))}`, headers };
    const answered = await send(pve.endpoint, { ...sent, body: body.replace("PASSWORD", password) });
    upid = /"(UPID:[^"]+)"/.exec(answered.answer)?.[1] ?? upid;
    if (!path.includes("/tasks")) await pve.world.tasks.idle();
    return answered;
  }

  it.each(CALLS)("%s %s is answered as described", async (...asked) => {
    const before = problems().length;
    expect(await call(asked)).toMatchObject({ status: 200 });
    expect(problems().slice(before)).toEqual([]);
  });

  it("were all seen", () => {
    const seen = new Set(pve.log.all().map(({ route }) => route));
    // No VM is managed by HA, and no storage can be made: those always refuse.
    const never = ["GET /cluster/ha/resources/{sid}", "POST /storage"];
    expect(routes.filter((route) => !seen.has(route))).toEqual(never);
  });

  it("are refused as Proxmox words a refusal", async () => {
    await call(["GET", "/nosuchpath"]);
    await call(["GET", `${VM}/999/config`]);
    await call(["PUT", `${VM}/200/config`, "nosuch=1"]);
    await call(["POST", `${VM}/9000/clone`, "full=1"]);
    expect(
      pve.log
        .all()
        .slice(-4)
        .map(({ status }) => status),
    ).toEqual([501, 500, 400, 400]);
    expect(problems()).toEqual([]);
  });

  type Falsified = [what: string, route: string, change: (data: never) => unknown, says: string];

  const FALSIFIED: Falsified[] = [
    [
      "a number as text",
      "GET /nodes/{node}/qemu/{vmid}/config",
      (d: object) => ({ ...d, cores: "2" }),
      "cores is string",
    ],
    ["an unknown key", "GET /version", (d: object) => ({ ...d, extra: 1 }), "extra is not described"],
    ["a missing key", "GET /version", (d: object) => ({ ...d, version: undefined }), "data.version is missing"],
    [
      "another value",
      "GET /nodes/{node}/qemu/{vmid}/status/current",
      (d: object) => ({ ...d, status: "up" }),
      "values",
    ],
    [
      "true for 1",
      "GET /nodes/{node}/qemu/{vmid}/config",
      (d: object) => ({ ...d, onboot: true }),
      "onboot is boolean",
    ],
    ["null for a UPID", "POST /nodes/{node}/qemu/{vmid}/clone", () => null, "data is null"],
    ["a UPID for null", "PUT /nodes/{node}/qemu/{vmid}/config", () => "UPID:pve:", "data is string"],
    ["an object for a list", "GET /nodes/{node}/storage/{storage}/content", () => ({}), "data is object"],
    [
      "text in a list",
      "GET /cluster/resources",
      (d: object[]) => [...d, { id: 1, type: "qemu" }],
      "data[].id is number",
    ],
    [
      "another key of a device",
      "GET /nodes/{node}/qemu/{vmid}/config",
      (d) => ({ ...(d as object), net0: "virtio=x,brdge=y" }),
      "property brdge",
    ],
  ];

  it.each(FALSIFIED)("fails when an answer is falsified: %s", (_what, route, change, says) => {
    const entry = pve.log.all().find((one) => one.route === route && one.status === 200);
    const { data } = JSON.parse(entry?.answer ?? "") as { data: never };
    const given = { route, status: 200, reason: "OK", answer: JSON.stringify({ data: change(data) }) };
    const found = answerProblems(description, given, SEEN_IN_THE_RECORDING);
    expect(found.join()).toContain(says);
    expect(found).toHaveLength(1);
  });

  it("fails when a refusal has no text, or the parameters are not named", () => {
    const refusal = { route: "GET /version", status: 500, reason: "broken" };
    expect(answerProblems(description, { ...refusal, answer: "" }, {})).toHaveLength(1);
    const other = JSON.stringify({ data: null, message: "other\n" });
    expect(answerProblems(description, { ...refusal, answer: other }, {})).toHaveLength(1);
    const bad = JSON.stringify({ data: null, message: "broken\n" });
    expect(answerProblems(description, { ...refusal, status: 400, answer: bad }, {})).toHaveLength(1);
  });
});

interface Recorded {
  readonly step?: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly reason: string;
  readonly answer: string;
}

describeWith(["pve-description"], "the recorded answers of a real Proxmox VE", () => {
  it("are as described but where the stand-in may differ, too", () => {
    const description = readDescription(tool("pve-description"));
    const router = allRoutes();
    const lines = readFileSync(join(__dirname, "recordings", "pve-9.2-lifecycle.jsonl"), "utf8").split("\n");
    const recorded = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Recorded);
    const problems = recorded
      .filter(({ step }) => step === undefined)
      .flatMap((one) => {
        const { method, path } = router.find(
          one.method,
          new URL(one.path, "https://pve.invalid").pathname.slice(10),
        ).route;
        return answerProblems(description, { ...one, route: `${method} ${path}` }, {});
      });
    const allowed = Object.entries(SEEN_IN_THE_RECORDING).flatMap(([route, all]) =>
      all.map((one) => `${route}: ${one}`),
    );
    expect([...new Set(problems)].sort()).toEqual(allowed.sort());
  });
});
