// From a Proxmox as installed, with an API token and nothing else: the node downloads an image, the VM is made from it, its
// seed is an ISO. Real tofu and the real provider; no SSH server answers here.
import { createHash } from "node:crypto";
import { Git, Image, NexusVmPull, Seed, type NexusVmPullProps } from "../../lib";
import type { Cluster } from "../../lab/pve/world/cluster";
import type { Web } from "../../lab/pve/world/web";
import { describeWith } from "../support/suites";
import { GRANTS } from "./least-privilege";
import { LAB_TOOLS, LabStack, NOTHING, type Build } from "./stack";

const GIB = 1024 ** 3;
const URL = "https://images.example/debian-13-genericcloud-amd64.qcow2";

/** A qcow2 of 3 GiB, as far as its header tells. */
function qcow2(mark: string): Buffer {
  const image = Buffer.alloc(512);
  image.write("QFI\xfb", "latin1");
  image.writeBigUInt64BE(BigInt(3 * GIB), 24);
  image.write(mark, 64);
  return image;
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

class OneFile implements Web {
  public content = qcow2("first");
  public readonly asked: string[] = [];

  public metadata(url: string) {
    this.asked.push(`HEAD ${url}`);
    return Promise.resolve({
      filename: url.split("/").at(-1),
      mimetype: "application/octet-stream",
      size: this.content.length,
    });
  }

  public download(url: string) {
    this.asked.push(`GET ${url}`);
    const bytes = this.content;
    const digest = (algorithm: string): string => createHash(algorithm).update(bytes).digest("hex");
    return Promise.resolve({ size: bytes.length, head: bytes, digest });
  }
}

/** As the installer leaves it: no snippets, no template; a token with what the documents name, and no more. */
function asInstalled(grants = GRANTS) {
  return (cluster: Cluster): void => {
    const local = cluster.storages.get("local");
    if (local !== undefined) local.content = ["iso", "vztmpl", "backup", "import"];
    cluster.grants = Object.entries(grants).map(([path, privileges]) => ({
      path,
      who: "root@pam!lab",
      privileges: new Set(privileges),
    }));
  };
}

function vms(web: OneFile, count: number, props: Partial<NexusVmPullProps> = {}): Build {
  return (stack, vars) => {
    for (let index = 1; index <= count; index += 1) {
      new NexusVmPull(stack, `web-${index}`, {
        name: `web-${index}`,
        nodeName: vars.proxmoxNode,
        image: Image.url(URL, { sha256: sha256(web.content), minimumDiskGiB: 4 }),
        seed: Seed.iso(),
        source: Git.https(vars.ansibleRepoUrl),
        ...props,
      });
    }
  };
}

describeWith(LAB_TOOLS, "a VM from an image with an API token alone", () => {
  const web = new OneFile();
  let lab: LabStack;
  const config = (vmid: number, key: string) => lab.pve.cluster.vms.get(vmid)?.config.get(key) ?? "";
  const isos = () => lab.left().volumes.filter((volume) => volume.includes(":iso/"));

  beforeAll(async () => {
    lab = await LabStack.start({ prepare: asInstalled(), web }, { proxmox_ssh_private_key: "", template_vm_id: null });
    lab.set(vms(web, 2));
    await lab.init();
  });

  afterAll(() => lab?.stop());

  it("downloads once for all VMs, imports, starts, and needs no SSH", async () => {
    await lab.apply();
    expect(web.asked.filter((one) => one.startsWith("GET"))).toEqual([`GET ${URL}`]);
    expect([100, 101].map((id) => lab.pve.cluster.vms.get(id)?.running !== undefined)).toEqual([true, true]);
    expect(config(100, "scsi0")).toMatch(/^local-lvm:vm-100-disk-0,.*iothread=1.*size=4G/);
    expect(config(100, "boot")).toBe("order=scsi0;ide2");
    expect(lab.pve.sshCommands).toEqual([]);
    expect(lab.pve.log.all().filter(({ route }) => route?.endsWith("/clone"))).toEqual([]);
  });

  it("plans nothing afterwards, and asks the image's server for nothing", async () => {
    const before = web.asked.length;
    expect(await lab.plan()).toEqual([]);
    expect(web.asked.length).toBe(before);
  });

  it("changes the medium of a running VM when its settings change, and touches no other VM", async () => {
    const [first = "", second = ""] = [config(100, "ide2"), config(101, "ide2")];
    const running = lab.pve.cluster.vms.get(100)?.running;
    lab.set((stack, vars) => {
      vms(web, 1, { extraVars: { edited: true } })(stack, vars);
      new NexusVmPull(stack, "web-2", {
        name: "web-2",
        nodeName: vars.proxmoxNode,
        image: Image.url(URL, { sha256: sha256(web.content), minimumDiskGiB: 4 }),
        seed: Seed.iso(),
        source: Git.https(vars.ansibleRepoUrl),
      });
    });
    await lab.apply();
    const edited = lab.pve.cluster.vms.get(config(100, "name") === "web-1" ? 100 : 101);
    const other = edited?.vmid === 100 ? 101 : 100;
    expect([first, second]).not.toContain(edited?.config.get("ide2"));
    expect([first, second]).toContain(config(other, "ide2"));
    expect(lab.pve.cluster.vms.get(100)?.running).toEqual(running);
    expect(edited?.pending.size).toBe(0);
    expect(isos()).toHaveLength(2);
    expect(await lab.plan()).toEqual([]);
  });

  it("gives a new image to new VMs only, and has it before the old one goes", async () => {
    const disks = [config(100, "scsi0"), config(101, "scsi0")];
    web.content = qcow2("second");
    lab.set(vms(web, 3));
    const replaced = (await lab.plan()).filter(
      ({ type, actions }) => type.endsWith("_vm") && actions.includes("delete"),
    );
    expect(replaced).toEqual([]);
    await lab.apply();
    expect([config(100, "scsi0"), config(101, "scsi0")]).toEqual(disks);
    expect(lab.pve.cluster.vms.get(102)?.running).toBeDefined();
    expect(lab.left().volumes.filter((volume) => volume.includes(":import/"))).toHaveLength(1);
    expect(await lab.plan()).toEqual([]);
  });

  it("leaves nothing behind when it is destroyed", async () => {
    await lab.destroy();
    expect(lab.left()).toEqual(NOTHING);
  });
});
