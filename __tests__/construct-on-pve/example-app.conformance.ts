// The example app's own stacks, dev and prod, over their whole life: with the variables of the original HCL repository, prod's
// state on a real S3 server, the real provider and the stand-in for Proxmox.
import { loadEnvironments, type Environment } from "../../environments/load";
import { ProxmoxProvider } from "../../lib/proxmox/resource-types";
import { buildApp } from "../../main";
import { fencedBlock, readDocument } from "../support/document";
import { startS3, type S3Server } from "../../lab/services/s3";
import { describeWith } from "../support/suites";
import { notSeen } from "../vm/shown";
import { LAB_TOOLS, LabStack, NOTHING, STACK_FOLDER, useSshPorts } from "./stack";

const PHASE_1 = readDocument("docs/phase1-poc.md");

/** The environment as its file has it; a remote state is kept by the server of this test. */
function withServer(environment: Environment, server: S3Server): Environment {
  const { backend } = environment;
  return backend.kind === "local"
    ? environment
    : { ...environment, backend: { ...backend, bucket: server.bucket, endpoint: server.endpoint } };
}

function unprotected(environment: Environment): Environment {
  return { ...environment, vms: environment.vms.map((vm) => ({ ...vm, protection: false })) };
}

let server: S3Server;

const ENVIRONMENTS: [name: string, names: string[], state: string[]][] = [
  ["dev", ["nexus-01"], []],
  ["prod", ["nexus-01", "nexus-02", "nexus-store-01"], ["prod/terraform.tfstate"]],
];

describe.each(ENVIRONMENTS)("the example app's stack %s", (name, names, state) => {
  describeWith([...LAB_TOOLS, "versitygw"], "on the stand-in", () => {
    let lab: LabStack;
    const [environment] = loadEnvironments([name]) as [Environment];

    function use(edit = (one: Environment): Environment => one): void {
      lab.use((app) => {
        const [stack] = buildApp(app, [withServer(edit(environment), server)]);
        if (stack === undefined) throw new Error(`no stack ${name}`);
        for (const child of stack.node.findAll()) if (child instanceof ProxmoxProvider) useSshPorts(child, lab.pve);
        return stack;
      });
    }

    const vms = () => [...lab.pve.cluster.vms.values()].filter((vm) => vm.config.get("template") !== "1");
    const snippets = () => lab.left().volumes.filter((volume) => volume.includes("snippets/"));

    beforeAll(async () => {
      server = await startS3();
      // To the letter the terraform.tfvars of the original, but for the stand-in's address, password and certificate.
      lab = await LabStack.start({}, { proxmox_api_token: "", proxmox_ssh_username: "", proxmox_ssh_private_key: "" });
      const { username, password } = lab.pve.credentials;
      lab.env = { ...server.env, TF_VAR_proxmox_username: username, TF_VAR_proxmox_password: password };
      use();
    });

    afterAll(async () => {
      await lab?.stop();
      await server?.stop();
    });

    it("is initialized, with a lock file that holds for the next init", async () => {
      await lab.init();
      const locked = lab.folder.read(`${STACK_FOLDER}/.terraform.lock.hcl`);
      expect(locked).toContain("bpg/proxmox");
      await lab.run(["init", "-lockfile=readonly"]);
      expect(lab.folder.read(`${STACK_FOLDER}/.terraform.lock.hcl`)).toBe(locked);
    });

    it("is valid", async () => {
      expect(JSON.parse(await lab.run(["validate", "-json"]))).toMatchObject({ valid: true, diagnostics: [] });
    });

    it("plans its VMs, each with two snippets", async () => {
      const planned = await lab.plan();
      expect(planned.every(({ actions }) => actions.join() === "create")).toBe(true);
      const types = planned.map(({ type }) => type);
      expect(types.filter((type) => type === "proxmox_virtual_environment_vm")).toHaveLength(names.length);
      expect(types.filter((type) => type === "proxmox_virtual_environment_file")).toHaveLength(2 * names.length);
    });

    it("is applied: its VMs run, and OpenTofu says what the document shows", async () => {
      const said = await lab.run(["apply", "-auto-approve"]);
      if (name === "dev") expect(notSeen(fencedBlock(PHASE_1, "console", "Apply complete"), said)).toEqual([]);
      expect(vms().map(({ config }) => config.get("name"))).toEqual(expect.arrayContaining(names));
      expect(vms().filter(({ running }) => running !== undefined)).toHaveLength(names.length);
      expect(snippets()).toHaveLength(2 * names.length);
      expect(server.keys()).toEqual(state);
    });

    it("plans nothing afterwards", async () => {
      expect(await lab.plan()).toEqual([]);
    });

    it("is destroyed, after its protection if it has one, and leaves no VM, disk, snippet or ISO", async () => {
      if (environment.vms.some(({ protection }) => protection === true)) {
        const refused = await lab.try(["destroy", "-auto-approve"]);
        expect(refused.status).toBe(1);
        expect(refused.stderr).toContain("protection mode enabled");
        expect(vms()).toHaveLength(names.length);
        use(unprotected);
        await lab.apply();
      }
      await lab.destroy();
      expect(lab.left()).toEqual(NOTHING);
      expect(server.keys()).toEqual(state);
    });
  });
});
