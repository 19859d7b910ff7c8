// The example app's own stacks: what the README's first command writes, through real OpenTofu and the real provider.
import { loadEnvironments, type Environment } from "../../environments/load";
import { buildApp } from "../../main";
import { TFVARS } from "../support/matrix-values";
import { startS3, type S3Server } from "../support/s3";
import { synthJson } from "../support/synth";
import { TofuFolder } from "../support/tofu";
import { describeWith } from "../support/tools";

/** The environment as its file has it; a remote state is kept by the server of this test. */
function withServer(environment: Environment, server: S3Server): Environment {
  const { backend } = environment;
  return backend.kind === "local"
    ? environment
    : { ...environment, backend: { ...backend, bucket: server.bucket, endpoint: server.endpoint } };
}

describeWith(["tofu", "tofurc", "versitygw"], "the example app", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3();
  });
  afterAll(() => server.stop());

  it.each([
    ["dev", 1],
    ["prod", 3],
  ])("%s is initialized, valid and planned with the terraform.tfvars of the original", async (name, vms) => {
    const [environment] = loadEnvironments([name]);
    const json = synthJson((app) => buildApp(app, [withServer(environment as Environment, server)])[0] as never);
    const folder = new TofuFolder({ "cdk/stack/env/cdk.tf.json": json, "cdk/stack/env/terraform.tfvars": TFVARS });
    const options = { subfolder: "cdk/stack/env", env: { ...server.env, TF_VAR_git_token: "t" } };
    try {
      await folder.run(["init"], options);
      expect(JSON.parse(await folder.run(["validate", "-json"], options))).toMatchObject({
        valid: true,
        diagnostics: [],
      });
      await folder.run(["plan", "-refresh=false", "-out=plan"], options);
      const plan = JSON.parse(await folder.run(["show", "-json", "plan"], options)) as {
        resource_changes: { type: string; change: { actions: string[] } }[];
      };
      const created = plan.resource_changes.filter(({ change }) => change.actions.join() === "create");
      expect(created.filter(({ type }) => type === "proxmox_virtual_environment_vm")).toHaveLength(vms);
      expect(created.filter(({ type }) => type === "proxmox_virtual_environment_file")).toHaveLength(2 * vms);
    } finally {
      folder.remove();
    }
  });
});
