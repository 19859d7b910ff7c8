// The published package, packed and used the way a user does: from an empty project, beside that project's own bindings.
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { generateBindings } from "../../scripts/generate-bindings";
import { startPve, type Pve } from "../../lab/pve/stand-in";
import { startS3, type S3Server } from "../../lab/services/s3";
import { TofuFolder } from "../../lab/host/tofu";
import { REPOSITORY } from "../../lab/host/tools";
import { describeUnless, describeWith } from "../support/suites";
import {
  Consumer,
  exampleManifest,
  type Manifest,
  packLibrary,
  registryProblem,
  type Tarball,
  temporaryFolder,
} from "./consumer";

jest.setTimeout(300_000);

interface Synthesized {
  readonly "//": { metadata: { version: string } };
  readonly terraform: { required_providers: Record<string, { source: string; version: string }> };
  readonly resource: Record<string, Record<string, Record<string, unknown>>>;
  readonly provider: Record<string, unknown[]>;
}

const CDKTF = exampleManifest();
// docs/reference/engines.md tells users to write exactly this.
const TERRAIN: Manifest = {
  dependencies: { cdktf: "npm:cdktn@0.24.0", constructs: "~10.7.0", "@cdktf/provider-null": "11.0.1" },
  overrides: { "@cdktf/provider-null": { cdktf: "$cdktf" } },
};
const MIXED: Manifest = { dependencies: { ...CDKTF.dependencies, cdktn: "0.24.0" } };

/** Everything that may be in the package. A new folder or kind of file is a decision: it is made here. */
const ALLOWED = [
  /^package\.json$/,
  /^(?:README|CHANGELOG)\.md$/,
  /^LICENSE$/,
  /^dist\/lib\/(?:[a-z0-9-]+\/)*[a-z0-9-]+\.(?:js|d\.ts)$/,
  /^dist\/\.gen\/providers\/proxmox\/[a-z-]+\/index\.(?:js|d\.ts)$/,
  /^templates\/(?:receiver|seed|systemd)\/[a-z.-]+\.(?:sh|hbs)$/,
  /^agent\/built\/(?:manifest\.json|nexus-pull-agent\.gz\.b64)$/,
];

const removals: (() => unknown)[] = [];
let tarball: Tarball;

beforeAll(async () => {
  const folder = temporaryFolder();
  removals.push(() => rmSync(folder, { recursive: true, force: true }));
  tarball = await packLibrary(folder);
});

afterAll(async () => {
  for (const remove of removals) await remove();
});

/** Files below a folder of the repository, as paths from its root. */
function filesBelow(folder: string, wanted: RegExp): string[] {
  return readdirSync(join(REPOSITORY, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && wanted.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(REPOSITORY.length + 1));
}

describe("the tarball", () => {
  it("holds nothing that nobody decided on", () => {
    const unexpected = tarball.files.filter((file) => !ALLOWED.some((pattern) => pattern.test(file)));
    expect(unexpected).toEqual([]);
    expect(tarball.files.filter((file) => /(?:test|conformance)\.(?:js|d\.ts)$/.test(file))).toEqual([]);
  });

  it("holds every compiled source, template and agent file, and the documents", () => {
    const sources = [
      ...filesBelow("lib", /^[a-z0-9-]+\.ts$/),
      ...filesBelow(".gen", /^index\.ts$/).filter((path) => path.split("/").length === 5),
    ];
    const compiled = sources.flatMap((path) => [".js", ".d.ts"].map((end) => `dist/${path.replace(/\.ts$/, end)}`));
    const needed = [
      ...compiled,
      ...filesBelow("templates", /./),
      "agent/built/manifest.json",
      "agent/built/nexus-pull-agent.gz.b64",
      "package.json",
      "LICENSE",
      "README.md",
      "CHANGELOG.md",
    ];
    expect(needed.filter((file) => !tarball.files.includes(file))).toEqual([]);
    expect(sources.length).toBeGreaterThan(30);
  });

  it("names no folder of the machine that built it", () => {
    const telling = tarball.files.filter((file) => readFileSync(join(REPOSITORY, file), "utf8").includes(REPOSITORY));
    expect(telling).toEqual([]);
  });
});

async function project(manifest: Manifest, program: string): Promise<Consumer> {
  const consumer = new Consumer(tarball, manifest);
  removals.push(() => consumer.remove());
  consumer.program(program);
  if (program === "main") consumer.example();
  if (program === "main") await generateBindings(join(consumer.path, ".gen"));
  await consumer.install();
  await consumer.compile();
  return consumer;
}

/** What the example synthesized, with the addresses of a stand-in and an S3 server instead of the ones that it was written for. */
function existingStack(consumer: Consumer, pve: Pve, s3: S3Server): Record<string, unknown> {
  const { credentials } = pve;
  const node = [...pve.ssh].map(([name, { port }]) => ({ name, address: "127.0.0.1", port }));
  const ssh = { username: credentials.sshUsername, private_key: "${var.pve_ssh_private_key}", node };
  return {
    "cdk.tf.json": consumer.read("cdktf.out/stacks/platform/cdk.tf.json"),
    "lab_override.tf.json": { provider: { proxmox: [{ alias: "main", ssh: [ssh] }] } },
    "lab.tfbackend": `endpoints = { s3 = "${s3.endpoint}" }`,
    "terraform.tfvars.json": {
      pve_endpoint: pve.endpoint,
      pve_api_token: credentials.apiToken,
      pve_ssh_private_key: credentials.sshPrivateKey,
    },
  };
}

describeUnless(registryProblem(), "a user's project", () => {
  let onCdktf: Consumer;
  let text: string;
  let json: Synthesized;

  beforeAll(async () => {
    onCdktf = await project(CDKTF, "main");
    await onCdktf.node("out/main.js");
    text = onCdktf.read("cdktf.out/stacks/consumer/cdk.tf.json");
    json = JSON.parse(text) as Synthesized;
  });

  it("type-checks with every declaration checked, and synthesizes both VMs side by side", () => {
    const vms = Object.values(json.resource.proxmox_virtual_environment_vm ?? {});
    expect(vms.map(({ name }) => name).sort()).toEqual(["mine", "nexus-01"]);
  });

  it("asks for the provider once", () => {
    const providers = json.terraform.required_providers;
    expect(Object.keys(providers).sort()).toEqual(["null", "proxmox"]);
    expect(providers.proxmox).toEqual({ source: "bpg/proxmox", version: ">= 0.111.1, < 1.0.0" });
    expect(json.provider.proxmox).toHaveLength(1);
  });

  it("finds the agent, the unit templates and the receiver's scripts in the installed package", () => {
    const agent = JSON.parse(readFileSync(join(REPOSITORY, "agent/built/manifest.json"), "utf8")) as { sha256: string };
    expect(text).toContain(agent.sha256);
    expect(text).toContain("/etc/systemd/system/nexus-pull.service");
    expect(text).toContain("curl");
    expect(text).not.toContain(onCdktf.path);
  });

  it("gives the same JSON on CDK Terrain under its alias, but for the version", async () => {
    const onTerrain = await project(TERRAIN, "main");
    const lock = JSON.parse(onTerrain.read("package-lock.json")) as { packages: Record<string, { name?: string }> };
    expect(lock.packages["node_modules/cdktf"]?.name).toBe("cdktn");
    await onTerrain.node("out/main.js");
    const other = JSON.parse(onTerrain.read("cdktf.out/stacks/consumer/cdk.tf.json")) as Synthesized;
    expect(json["//"].metadata.version).toBe("0.21.0");
    expect(other["//"].metadata.version).toBe("0.24.0");
    other["//"].metadata.version = "0.21.0";
    expect(other).toEqual(json);
  });

  it("says so when two engines are in one tree, and how to share one", async () => {
    const mixed = await project(MIXED, "mixed");
    const message = await mixed.node("out/mixed.js");
    expect(message).toMatch(/^\[mixed\/nexus\] engine_mismatch: scope: got a stack of another copy of the engine/);
    expect(message).toContain('"cdktf": "npm:cdktn@VERSION"');
    // The documentation shows the real message.
    expect(readFileSync(join(REPOSITORY, "docs/reference/engines.md"), "utf8")).toContain(message.trim());
  });

  describeWith(["tofu", "tofurc"], "what it synthesized", () => {
    it("is accepted by real OpenTofu and the real provider's schema", async () => {
      const folder = new TofuFolder({ "cdk.tf.json": text });
      removals.push(() => folder.remove());
      await folder.run(["init", "-backend=false"]);
      expect(JSON.parse(await folder.run(["validate", "-json"]))).toMatchObject({ valid: true, diagnostics: [] });
    });
  });

  describeWith(["tofu", "tofurc", "provider-mirror", "versitygw"], "examples/existing-stack", () => {
    it("is made, planned without changes and destroyed, with its own provider, backend and VM", async () => {
      const [pve, s3] = await Promise.all([startPve(), startS3()]);
      removals.push(
        () => void s3.stop(),
        () => void pve.stop(),
      );
      await onCdktf.node("out/existing.js");
      const folder = new TofuFolder(existingStack(onCdktf, pve, s3));
      removals.push(() => folder.remove());
      const env = { env: s3.env };
      await folder.run(["init", "-backend-config=lab.tfbackend"], env);
      await folder.run(["apply", "-auto-approve"], env);
      const made = [...pve.cluster.vms.values()].filter((vm) => vm.config.get("template") !== "1");
      expect(made.map((vm) => [vm.config.get("name"), vm.running !== undefined]).sort()).toEqual([
        ["database", true],
        ["nexus-01", true],
      ]);
      expect(s3.keys()).toEqual(["platform.tfstate"]);
      expect(await folder.try(["plan", "-detailed-exitcode"], env)).toMatchObject({ status: 0 });
      await folder.run(["destroy", "-auto-approve"], env);
      expect([...pve.cluster.vms.keys()].sort()).toEqual([9000, 9100]);
      expect(pve.cluster.storages.get("local")?.volumes.get("pve")?.size ?? 0).toBe(0);
    });
  });
});
