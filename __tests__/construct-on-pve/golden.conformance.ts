// The requests of one whole apply, as the real provider sends them to Proxmox: golden/apply.txt. It changes with the provider's
// version or with what the construct asks for, and whoever changes either sees here what that means for a cluster.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LoggedRequest } from "../../lab/pve/api/request-log";
import { Git, NexusVmPull } from "../../lib";
import { describeWith } from "../support/suites";
import { LAB_TOOLS, LabStack } from "./stack";

const GOLDEN = join(__dirname, "golden", "apply.txt");

/** The query or the form, readable; tasks, addresses and ids that differ from run to run have names. */
function normalized(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "))
    .replace(/UPID:pve:[0-9A-F]+:[0-9A-F]+:[0-9A-F]+:(\w+):(\d*):[^/]*/g, "UPID:$1:$2")
    .replace(/\b(net\d+)=([a-z0-9]+)=(?:[0-9A-F]{2}:){5}[0-9A-F]{2}/gi, "$1=$2=MAC")
    .replace(/uuid=[0-9a-f-]{36}/g, "uuid=UUID")
    .replace(/\bvmid=\d+/g, "vmid=ID");
}

/** One line a request, and each parameter of a body on a line of its own. */
function lines({ method, path, body, status }: LoggedRequest): string {
  const parameters = body
    .split("&")
    .filter((one) => one !== "")
    .map((one) => `    ${normalized(one)}`)
    .sort();
  return [`${method} ${normalized(path.replace("/api2/json", ""))} ${status}`, ...parameters].join("\n");
}

/** How often a task is asked for depends on the machine: once is enough. */
function withoutPolling(all: readonly string[]): string[] {
  return all.filter((one, index) => one !== all[index - 1]);
}

describeWith(LAB_TOOLS, "the requests of one apply", () => {
  let lab: LabStack;

  beforeAll(async () => {
    lab = await LabStack.start();
    lab.set((stack, vars) => {
      new NexusVmPull(stack, "nexus", {
        name: "nexus-01",
        nodeName: vars.proxmoxNode,
        templateVmId: vars.templateVmId,
        source: Git.https(vars.ansibleRepoUrl),
        diskGiB: 10,
        tags: ["nexus"],
        network: [{ bridge: "vmbr0", vlanId: 20, address: "192.0.2.10/24", gateway: "192.0.2.1" }],
        dns: { servers: ["192.0.2.53"] },
      });
    });
    await lab.init();
    await lab.apply("-parallelism=1");
  });

  afterAll(() => lab?.stop());

  it("are the golden ones", () => {
    const seen = withoutPolling(lab.pve.log.all().map(lines));
    expect(`${seen.join("\n")}\n`).toBe(readFileSync(GOLDEN, "utf8"));
  });

  it("and two commands over SSH, for two snippets", () => {
    expect(lab.pve.sshCommands.filter((command) => command.includes("pvesm apiinfo"))).toHaveLength(1);
    const written = lab.pve.sshCommands.flatMap((command) => /tee (\S+)$/.exec(command)?.[1] ?? []);
    expect(written.sort()).toEqual([
      "/var/lib/vz/snippets/nexus-pull-lab-nexus-01-meta-data.yaml",
      "/var/lib/vz/snippets/nexus-pull-lab-nexus-01-user-data.yaml",
    ]);
  });
});
