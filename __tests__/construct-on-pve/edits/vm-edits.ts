// An edit for each prop of the machine, its delivery and its receiver.
import { ChangePolicy, type ReceiverProps, Seed, type WaitForConfigured } from "../../../lib";
import { PEM } from "../../support/matrix";
import { between, type Edit, type Props, RICH, same, to } from "./edit";

const nic = (change: Partial<NonNullable<Props["network"]>[number]>): Edit =>
  to({ network: [{ ...(RICH.network?.[0] ?? { bridge: "" }), ...change }] });
const disk = (change: Partial<NonNullable<Props["dataDisks"]>[number]>): Edit =>
  to({ dataDisks: [{ ...(RICH.dataDisks?.[0] ?? { sizeGiB: 1 }), ...change }] });
const existing = { userData: "local:snippets/a.yaml", metaData: "local:snippets/m.yaml" };
const atUrl = (url: string): Props => ({ seed: Seed.url(url), network: [{ bridge: "vmbr0" }], dns: undefined });

const PLACEMENT: Record<string, Edit> = {
  name: to({ name: "renamed" }),
  nodeName: to({ nodeName: "pve2" }),
  placement: to({ placement: "nodeName" }),
  templateVmId: to({ templateVmId: 9001 }),
  templateNodeName: to({ templateNodeName: "pve3" }),
  fullClone: to({ fullClone: false }),
  cloneRetries: to({ cloneRetries: 7 }),
  vmId: to({ vmId: 4711 }),
  datastore: between({ rebootAfterUpdate: true }, { datastore: "ceph" }),
  tags: to({ tags: ["a"] }),
  pool: to({ pool: "ops" }),
  description: to({ description: "other" }),
  fleet: to({ fleet: "other" }),
  overrule: to({ overrule: ["number_out_of_range"] }),
};

const HARDWARE: Record<string, Edit> = {
  cores: to({ cores: 4 }),
  sockets: to({ sockets: 2 }),
  cpuType: to({ cpuType: "host" }),
  memoryMiB: to({ memoryMiB: 4096 }),
  balloonMiB: to({ balloonMiB: 1024 }),
  diskGiB: to({ diskGiB: 40 }),
  diskInterface: to({ diskInterface: "virtio0", overrule: ["boot_slot_differs"] }),
  bootDisk: to({ bootDisk: { backup: false, replicate: false } }),
  "bootDisk.iothread": to({ bootDisk: { iothread: true } }),
  "bootDisk.ssd": to({ bootDisk: { ssd: true } }),
  "bootDisk.discard": to({ bootDisk: { discard: false } }),
  "bootDisk.cache": to({ bootDisk: { cache: "writeback" } }),
  "bootDisk.aio": to({ bootDisk: { aio: "threads" } }),
  "bootDisk.backup": to({ bootDisk: { backup: false } }),
  "bootDisk.replicate": to({ bootDisk: { replicate: false } }),
  "bootDisk.fileFormat": to({ bootDisk: { fileFormat: "raw" } }),
  "bootDisk.speed": to({ bootDisk: { speed: { readMBps: 9, writeMBps: 9 } } }),
  "bootDisk.speed.readMBps": to({ bootDisk: { speed: { readMBps: 10 } } }),
  "bootDisk.speed.writeMBps": to({ bootDisk: { speed: { writeMBps: 10 } } }),
  "bootDisk.speed.readIops": to({ bootDisk: { speed: { readIops: 10 } } }),
  "bootDisk.speed.writeIops": to({ bootDisk: { speed: { writeIops: 10 } } }),
  dataDisks: to({ dataDisks: [...(RICH.dataDisks ?? []), { sizeGiB: 5, interface: "scsi2" }] }),
  "dataDisks[].iothread": disk({ iothread: true }),
  "dataDisks[].cache": disk({ cache: "writeback" }),
  "dataDisks[].aio": disk({ aio: "threads" }),
  "dataDisks[].replicate": disk({ replicate: false }),
  "dataDisks[].fileFormat": disk({ fileFormat: "raw" }),
  "dataDisks[].speed": disk({ speed: { readMBps: 9, writeMBps: 9 } }),
  "dataDisks[].speed.readMBps": disk({ speed: { readMBps: 10 } }),
  "dataDisks[].speed.writeMBps": disk({ speed: { writeMBps: 10 } }),
  "dataDisks[].speed.readIops": disk({ speed: { readIops: 10 } }),
  "dataDisks[].speed.writeIops": disk({ speed: { writeIops: 10 } }),
  "dataDisks[].sizeGiB": disk({ sizeGiB: 20 }),
  "dataDisks[].interface": disk({ interface: "virtio3" }),
  "dataDisks[].datastore": { before: () => ({ rebootAfterUpdate: true }), after: disk({ datastore: "ceph" }).after },
  "dataDisks[].discard": disk({ discard: false }),
  "dataDisks[].ssd": disk({ ssd: true }),
  "dataDisks[].backup": disk({ backup: false }),
  network: to({ network: [...(RICH.network ?? []), { bridge: "vmbr1" }] }),
  "network[].bridge": nic({ bridge: "vmbr1" }),
  "network[].vlanId": nic({ vlanId: 20 }),
  "network[].macAddress": nic({ macAddress: "BC:24:11:00:00:99" }),
  "network[].model": nic({ model: "e1000" }),
  "network[].firewall": nic({ firewall: true }),
  "network[].mtu": nic({ mtu: 9000 }),
  "network[].rateLimitMBps": nic({ rateLimitMBps: 10 }),
  "network[].address": nic({ address: "192.0.2.11/24" }),
  "network[].gateway": nic({ gateway: "192.0.2.2" }),
  "network[].address6": nic({ address6: "2001:db8::11/64" }),
  "network[].gateway6": nic({ gateway6: "fe80::2" }),
  dns: to({ dns: { servers: ["192.0.2.54"], domain: "example.org" } }),
  "dns.servers": to({ dns: { servers: ["192.0.2.54"], domain: "example.com" } }),
  "dns.domain": to({ dns: { servers: ["192.0.2.53"], domain: "example.org" } }),
  bios: to({ bios: "ovmf" }),
  machine: to({ machine: "q35" }),
  scsiHardware: to({ scsiHardware: "virtio-scsi-pci" }),
};

const BEHAVIOUR: Record<string, Edit> = {
  startup: to({ startup: { order: 5 } }),
  "startup.order": to({ startup: { order: 5, upDelaySeconds: 10, downDelaySeconds: 10 } }),
  "startup.upDelaySeconds": to({ startup: { order: 1, upDelaySeconds: 20, downDelaySeconds: 10 } }),
  "startup.downDelaySeconds": to({ startup: { order: 1, upDelaySeconds: 10, downDelaySeconds: 20 } }),
  startOnBoot: to({ startOnBoot: false }),
  started: to({ started: false }),
  protection: to({ protection: true }),
  shutdownTimeoutSeconds: to({ shutdownTimeoutSeconds: 60 }),
  rebootAfterUpdate: to({ rebootAfterUpdate: true }),
  provider: { before: same, after: ({ provider }) => ({ provider }) },
  changePolicy: to({ changePolicy: ChangePolicy.newInstance() }),
};

const reports = (before: Partial<ReceiverProps>, after: Partial<ReceiverProps>): Edit => ({
  before: ({ receiver }) => ({ receiver: receiver(before) }),
  after: ({ receiver }) => ({ receiver: receiver(after) }),
});
const waits = (before: WaitForConfigured, after: WaitForConfigured): Edit => ({
  before: ({ receiver }) => ({ receiver: receiver(), waitForConfigured: before }),
  after: ({ receiver }) => ({ receiver: receiver(), waitForConfigured: after }),
});

const REPORTS: Record<string, Edit> = {
  receiver: { before: ({ fleet }) => ({ fleet }), after: ({ receiver }) => ({ receiver: receiver() }) },
  "receiver.webhookUrl": {
    before: ({ receiver }) => ({ receiver: receiver() }),
    after: ({ receiver, otherUrl }) => ({ receiver: receiver({ webhookUrl: otherUrl }) }),
  },
  "receiver.secret": {
    before: ({ receiver }) => ({ receiver: receiver() }),
    after: ({ receiver, secret }) => ({ receiver: receiver({ secret: secret("other_secret") }) }),
  },
  "receiver.overdueAfter": reports({}, { overdueAfter: "2h" }),
  "receiver.fleet": reports({}, { fleet: "other" }),
  "receiver.caCertificate": reports({}, { caCertificate: PEM }),
  "receiver.heartbeatInterval": reports({}, { heartbeatInterval: "1h" }),
  "receiver.waitForConfigured": reports({}, { waitForConfigured: true }),
  "receiver.waitForConfigured.timeout": reports(
    { waitForConfigured: { timeout: "10m" } },
    { waitForConfigured: { timeout: "20m" } },
  ),
  waitForConfigured: waits(false, true),
  "waitForConfigured.timeout": waits({ timeout: "10m" }, { timeout: "20m" }),
};

const DELIVERY: Record<string, Edit> = {
  agent: between({ agent: "seed" }, { agent: "image" }),
  seed: to({ seed: Seed.existingSnippet(existing) }),
  "seed.datastore": to({ seed: Seed.snippet({ datastore: "shared" }) }),
  "seed.nodeName": to({ seed: Seed.snippet({ nodeName: "pve2" }) }),
  "seed.interface": between({ seed: Seed.iso() }, { seed: Seed.iso({ interface: "ide0" }) }),
  "seed.userData": between(
    { seed: Seed.existingSnippet(existing) },
    { seed: Seed.existingSnippet({ ...existing, userData: "local:snippets/b.yaml" }) },
  ),
  "seed.metaData": between(
    { seed: Seed.existingSnippet(existing) },
    { seed: Seed.existingSnippet({ ...existing, metaData: "local:snippets/n.yaml" }) },
  ),
  "seed.url": between(atUrl("https://seed.example/a/"), atUrl("https://seed.example/b/")),
};

/** By the props' paths. */
export const VM_EDITS: Readonly<Record<string, Edit>> = {
  ...PLACEMENT,
  ...HARDWARE,
  ...BEHAVIOUR,
  ...REPORTS,
  ...DELIVERY,
};
