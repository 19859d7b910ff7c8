// A real Proxmox VE 9.2's answers to the real provider, replayed: status, type, keys and values have to be the same.
import { tool } from "../../lab/host/tools";
import { describeWith } from "../support/suites";
import { readDescription } from "../../lab/pve/api/description";
import { send, type Answered } from "../../lab/pve/api/client";
import { ManualClock } from "../../lab/pve/world/clock";
import { addTemplate, addVm, type Cluster } from "../../lab/pve/world/cluster";
import { problemsOf } from "../../lab/pve/api/described-answers";
import { writeSnippet } from "../../lab/pve/world/snippets";
import { startPve, type Pve } from "../../lab/pve/stand-in";
import { recordingOf, type Recorded } from "./recorded";
import { REAL_TIMES } from "../../lab/pve/world/world";

const RECORDING = recordingOf("lifecycle");

/** The first time stamp in the recording. */
const START_S = 1795321890;
/** When pvestatd had its round before that: its figures then agree with the recorded ones. */
const ROUND_MS = START_S * 1000 - 7_800;

function prepare(cluster: Cluster): void {
  cluster.nodes.delete("pve2");
  const meta = { meta: "creation-qemu=10.0.13,ctime=1795319543" };
  const common = { node: "pve", storage: "local", ctime: START_S, sizeGib: 1 };
  addVm(cluster, 401, "pve", { name: "a", memory: "128", scsi0: "local:401/vm-401-disk-0.qcow2,size=1G" });
  addTemplate(cluster, { ...common, vmid: 9000, name: "tmpl", config: { memory: "128", cores: "1" } });
  const args = "-kernel /guest/vmlinuz -initrd /guest/initrd.img -append 'root=/dev/sda rw console=ttyS0'";
  const config = { ...meta, memory: "768", serial0: "socket", scsihw: "virtio-scsi-pci", args };
  addTemplate(cluster, { ...common, vmid: 9100, name: "debian-tmpl", sizeGib: 2, config });
}

/** What went over SSH is not in the recording: the sizes are. */
function snippet(pve: Pve, name: string, bytes: number): void {
  const now = Math.floor(pve.world.clock.now() / 1000);
  const content = Buffer.alloc(bytes, "x");
  expect(writeSnippet(pve.cluster, "pve", `/var/lib/vz/snippets/${name}`, content, now)).toBeUndefined();
}

/** The stop waited for the shutdown before it. */
const STOP_MS = 3_000;

const IGNORES_ACPI = { obeysShutdown: false };

function ask(pve: Pve, { method, body }: Recorded, path: string): Promise<Answered> {
  return send(pve.endpoint, {
    method,
    path,
    body,
    headers: { authorization: `PVEAPIToken=${pve.credentials.apiToken}` },
  });
}

// Figures of a living guest, ids and times: present with the right type, their values differ from run to run.
const VOLATILE = [
  "cpu",
  "mem",
  "memhost",
  "netin",
  "netout",
  "uptime",
  "pid",
  "pstart",
  "starttime",
  "ctime",
  "digest",
  "vmgenid",
];

function normalized(key: string, value: unknown): unknown {
  if (VOLATILE.includes(key) || key.startsWith("pressure")) return `any ${typeof value}`;
  if (Array.isArray(value)) return value.map((one) => normalized("", one)).sort(byText);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, normalized(name, one)]));
  if (typeof value !== "string") return value;
  if (key === "content" && value.includes(",")) return value.split(",").sort().join();
  return value
    .replace(/UPID:pve:[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}/, "UPID:pve:pid:pstart:starttime")
    .replace(/@pam!(t1|lab)/, "@pam!token")
    .replace(/^(t1|lab)$/, "token")
    .replace(/BC(:[0-9A-F]{2}){5}/, "MAC")
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, "uuid");
}

/** Order of lists and of keys means nothing: Perl's hashes have none. */
function byText(a: unknown, b: unknown): number {
  return canonical(a) < canonical(b) ? -1 : 1;
}

function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, one]) => `${key}:${canonical(one)}`).join();
}

function comparable(answered: Answered): unknown {
  const { status, reason, type, answer } = answered;
  const body = answer === "" ? "" : normalized("", JSON.parse(answer));
  // Objects are compared without regard to the order of their keys.
  return { status, reason, type, body };
}

/** When the recorded VM was started, as its uptimes tell. */
const RUNS_SINCE_S = START_S + 3.5;

function uptimeAfter(index: number): number {
  const next = RECORDING.slice(index).find(({ path }) => path?.endsWith("status/current"));
  return Number(/"uptime":(\d+)/.exec(next?.answer ?? "")?.[1] ?? 0);
}

/** The recorded moment at which a request was sent, as far as its own or the next answers tell. */
function momentOf(index: number): number | undefined {
  const upid = /UPID:pve:[0-9A-F]+:[0-9A-F]+:([0-9A-F]{8}):/.exec(RECORDING[index]?.answer ?? "");
  if (upid !== null && RECORDING[index]?.method !== "GET") return parseInt(upid[1] ?? "0", 16);
  if (RECORDING[index]?.path.includes("cluster/resources") === true) return RUNS_SINCE_S + uptimeAfter(index);
  const written = [...(RECORDING[index]?.answer ?? "").matchAll(/"ctime":(\d+)/g)].map(([, time]) => Number(time));
  return written.length > 0 ? Math.max(...written) : undefined;
}

describe("a recorded VM's life", () => {
  const clock = new ManualClock(ROUND_MS);
  let pve: Pve;
  /** Recorded task to the stand-in's own. */
  const tasks = new Map<string, string>();

  beforeAll(async () => {
    pve = await startPve({ clock, prepare, times: { ...REAL_TIMES, tasks: { "*": 500, imgdel: 0 } } });
    pve.cluster.storages.get("local")?.snippetsFolder.add("pve");
    await clock.advanceTo(START_S * 1000);
  });

  afterAll(() => pve?.stop());

  /** Brings the stand-in to the moment of a request. */
  async function before(index: number, recorded: Recorded): Promise<void> {
    const moment = momentOf(index);
    if (moment !== undefined) await clock.advanceTo(moment * 1000);
    // The recorded guest ignored ACPI: the shutdown waited until its end.
    if (recorded.path.endsWith("status/shutdown")) Object.assign(pve.cluster.vms.get(100)?.guest ?? {}, IGNORES_ACPI);
    const ended = recorded.path.includes("/tasks/") && recorded.answer.includes('"exitstatus"');
    if (ended) await clock.advanceTo(clock.now() + (recorded.path.includes(":qmstop:") ? STOP_MS : 1000));
    if (recorded.path.includes("content=snippets")) return snippets(recorded);
  }

  function snippets(recorded: Recorded): void {
    const entries = (JSON.parse(recorded.answer) as { data: { volid: string; size: number }[] }).data;
    for (const { volid, size } of entries) snippet(pve, volid.replace("local:snippets/", ""), size);
  }

  function ownPath(path: string): string {
    return path.replace(/UPID:[^/]+:(?=\/)/, (upid) => encodeURIComponent(tasks.get(decodeURIComponent(upid)) ?? upid));
  }

  function remember(recorded: Recorded, answered: Answered): void {
    const [theirs, ours] = [recorded, answered].map(({ answer }) => /"(UPID:[^"]+)"/.exec(answer)?.[1]);
    if (theirs !== undefined && ours !== undefined) tasks.set(theirs, ours);
  }

  let step = "";
  for (const [index, recorded] of RECORDING.entries()) {
    if (recorded.step !== undefined) {
      step = recorded.step;
      continue;
    }
    it(`${step} ${index}: ${recorded.method} ${recorded.path.slice(10)}`, async () => {
      await before(index, recorded);
      const answered = await ask(pve, recorded, ownPath(recorded.path));
      remember(recorded, answered);
      expect(comparable(answered)).toEqual(comparable(recorded));
    });
  }

  describeWith(["pve-description"], "the stand-in's own answers", () => {
    it("are as Proxmox describes them", () => {
      const description = readDescription(tool("pve-description"));
      expect(pve.log.all().length).toBeGreaterThan(100);
      expect(pve.log.all().flatMap((entry) => problemsOf(entry, description))).toEqual([]);
    });
  });
});
