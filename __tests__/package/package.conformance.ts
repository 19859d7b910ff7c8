// The published package, packed and used the way a user does: from an empty project, beside that project's own bindings.
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { generateBindings } from "../../scripts/generate-bindings";
import { TofuFolder } from "../support/tofu";
import { describeWith, REPOSITORY } from "../support/tools";
import { Consumer, type Manifest, packLibrary, registryProblem, type Tarball, temporaryFolder } from "./consumer";

jest.setTimeout(300_000);

interface Synthesized {
  readonly "//": { metadata: { version: string } };
  readonly terraform: { required_providers: Record<string, { source: string; version: string }> };
  readonly resource: Record<string, Record<string, Record<string, unknown>>>;
  readonly provider: Record<string, unknown[]>;
}

const CDKTF: Manifest = { dependencies: { cdktf: "0.21.0", constructs: "~10.7.0" } };
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

const removals: (() => void)[] = [];
let tarball: Tarball;

beforeAll(async () => {
  const folder = temporaryFolder();
  removals.push(() => rmSync(folder, { recursive: true, force: true }));
  tarball = await packLibrary(folder);
});

afterAll(() => removals.forEach((remove) => remove()));

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

/** Skips loudly where npm has nowhere to install from; fails instead when CI is set. */
function describeWithRegistry(title: string, suite: () => void): void {
  const problem = registryProblem();
  if (problem === undefined) return describe(title, suite);
  if ((process.env.CI ?? "") !== "") {
    return describe(title, () => {
      it("has a package registry", () => {
        throw new Error(problem);
      });
    });
  }
  process.stderr.write(`SKIPPED ${title}: ${problem}\n`);
  describe.skip(title, suite);
}

async function project(manifest: Manifest, program: string): Promise<Consumer> {
  const consumer = new Consumer(tarball, manifest);
  removals.push(() => consumer.remove());
  consumer.program(program);
  if (program === "main") await generateBindings(join(consumer.path, ".gen"));
  await consumer.install();
  await consumer.compile();
  return consumer;
}

describeWithRegistry("a user's project", () => {
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
});
