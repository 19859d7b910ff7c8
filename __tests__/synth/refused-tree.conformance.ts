// A tree with findings that is synthesized all the same: OpenTofu makes no plan of it, and its message is the findings.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, Aspects, type IAspect, TerraformStack, Testing } from "cdktf";
import type { IConstruct } from "constructs";
import { Git, LocalStateBackend, NexusVariables, NexusVmPull } from "../../lib";
import { TFVARS } from "../support/matrix-values";
import { TofuFolder } from "../../lab/host/tofu";
import { describeWith } from "../support/suites";

const GOOD = { nodeName: "pve", templateVmId: 9000, source: Git.https("https://git.example/a.git") };

function stackIn(app: App, id: string, name: string): TerraformStack {
  const stack = new TerraformStack(app, id);
  LocalStateBackend.relative(stack);
  new NexusVariables(stack).provider();
  new NexusVmPull(stack, "vm", { ...GOOD, name, description: 'costs ${9.50} %{if} "a\\b"', cores: -1 });
  return stack;
}

class AddsBadVm implements IAspect {
  public visit(node: IConstruct): void {
    if (TerraformStack.isStack(node) && node.node.tryFindChild("late") === undefined)
      new NexusVmPull(node, "late", { ...GOOD, name: "late", cores: -1 });
  }
}

function written(build: (app: App) => TerraformStack): string {
  const outdir = mkdtempSync(join(tmpdir(), "nexus-pull-refused-"));
  try {
    const app = new App({ outdir, skipValidation: true });
    const stack = build(app);
    app.synth();
    return readFileSync(join(outdir, "stacks", stack.node.id, "cdk.tf.json"), "utf8");
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

const WAYS: Record<string, () => string> = {
  "App with skipValidation": () => written((app) => stackIn(app, "dev", "Not A Name")),
  "Testing.synth": () => Testing.synth(stackIn(Testing.app(), "dev", "Not A Name")),
  "stack.toTerraform": () => JSON.stringify(stackIn(new App(), "dev", "Not A Name").toTerraform()),
  "another stack of the tree, itself without findings": () =>
    written((app) => {
      const good = new TerraformStack(app, "dev");
      LocalStateBackend.relative(good);
      new NexusVariables(good).provider();
      new NexusVmPull(good, "vm", { ...GOOD, name: "good" });
      stackIn(app, "other", "Not A Name");
      return good;
    }),
  "an aspect that adds the finding": () =>
    written((app) => {
      const stack = new TerraformStack(app, "dev");
      LocalStateBackend.relative(stack);
      new NexusVariables(stack).provider();
      Aspects.of(stack).add(new AddsBadVm());
      return stack;
    }),
};

describeWith(["tofu", "tofurc", "provider-mirror"], "a tree with findings", () => {
  jest.setTimeout(200_000);
  const folder = new TofuFolder({ "terraform.tfvars": TFVARS });
  beforeAll(async () => {
    jest.spyOn(console, "warn").mockImplementation(() => undefined);
    folder.write("cdk.tf.json", WAYS["Testing.synth"]?.() ?? "");
    await folder.run(["init"]);
  });
  afterAll(() => folder.remove());

  it.each(Object.keys(WAYS))("has no plan, and its findings are the message: %s", async (way) => {
    folder.write("cdk.tf.json", WAYS[way]?.() ?? "");
    const { status, stderr } = await folder.try(["plan", "-refresh=false"]);
    expect(status).toBe(1);
    expect(stderr.replace(/[\s│╷╵]+/g, " ")).toContain("number_out_of_range: cores: got -1, expected a whole number");
  });

  it("has no plan of one resource either", async () => {
    folder.write("cdk.tf.json", WAYS["Testing.synth"]?.() ?? "");
    const json = JSON.parse(folder.read("cdk.tf.json")) as { resource: Record<string, Record<string, unknown>> };
    const all = Object.entries(json.resource).flatMap(([type, named]) =>
      Object.keys(named).map((id) => `${type}.${id}`),
    );
    expect(all.length).toBeGreaterThan(2);
    for (const address of all) {
      const { status, stderr } = await folder.try(["plan", "-refresh=false", `-target=${address}`]);
      expect(status).toBe(1);
      expect(stderr).toContain("vm_name_invalid");
    }
  });
});
