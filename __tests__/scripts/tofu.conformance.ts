// `npm run tofu` with real OpenTofu: above all, that an interrupted apply releases its lock.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { interruptTwice, until, type Running } from "../../lab/host/processes";
import { startS3, type S3Server } from "../../lab/services/s3";
import { TofuFolder } from "../../lab/host/tofu";
import { npmRunTofu } from "../support/tofu-script";
import { describeWith } from "../support/suites";

const WAITS = "touch started; n=0; until [ -e release ] || [ $n -gt 300 ]; do sleep 0.1; n=$((n+1)); done";

function project(s3: S3Server, provisioner: readonly object[] = []): TofuFolder {
  const flags = ["credentials_validation", "region_validation", "requesting_account_id", "metadata_api_check"];
  const backend = {
    bucket: s3.bucket,
    key: "dev/terraform.tfstate",
    region: "us-east-1",
    endpoints: { s3: s3.endpoint },
    use_path_style: true,
    use_lockfile: true,
    ...Object.fromEntries(flags.map((flag) => [`skip_${flag}`, true])),
  };
  return new TofuFolder({
    "environments/dev.tfvars": 'word = "from the file"\n',
    "cdktf.out/stacks/dev/cdk.tf.json": {
      terraform: { backend: { s3: backend }, required_providers: { null: { source: "hashicorp/null" } } },
      variable: { word: { type: "string" } },
      output: { word: { value: "${var.word}" } },
      resource: {
        terraform_data: { one: { input: "${var.word}", ...(provisioner.length > 0 ? { provisioner } : {}) } },
      },
    },
  });
}

function wrapper(folder: TofuFolder, s3: S3Server, args: readonly string[]): Running {
  return npmRunTofu(folder, ["dev", ...args], { env: s3.env });
}

describeWith(["tofu", "versitygw", "tofurc", "provider-mirror"], "npm run tofu with real OpenTofu", () => {
  it("inits, keeps the provider lock, plans, applies the saved plan and reads the output", async () => {
    const s3 = await startS3();
    const folder = project(s3);
    try {
      for (const args of [["init"], ["plan", "-out=plan"], ["apply", "plan"], ["state", "list"], ["validate"]]) {
        const outcome = await wrapper(folder, s3, args).ended;
        const said = args[0] === "init" ? "\nenvironments/dev.lock.hcl has changed: commit it\n" : "";
        expect(outcome).toMatchObject({ status: 0, stderr: said });
      }
      expect(folder.read("environments/dev.lock.hcl")).toContain("hashicorp/null");
      expect((await wrapper(folder, s3, ["output", "-raw", "word"]).ended).stdout).toBe("from the file");
    } finally {
      folder.remove();
      await s3.stop();
    }
  });

  it("fails to leave a lock behind when Ctrl-C is pressed during an apply", async () => {
    const s3 = await startS3();
    const folder = project(s3, [{ "local-exec": { command: WAITS } }]);
    try {
      expect(await wrapper(folder, s3, ["init"]).ended).toMatchObject({ status: 0 });
      const applying = wrapper(folder, s3, ["apply", "-auto-approve"]);
      await until("the apply works", () => existsSync(join(folder.path, "cdktf.out/stacks/dev/started")));
      expect(s3.keys()).toContain("dev/terraform.tfstate.tflock");
      // As a terminal and npm deliver one Ctrl-C: twice. tofu would quit at once and keep the lock.
      await interruptTwice(applying.child, "SIGINT");
      const ended = await applying.ended;
      expect(ended.stdout).toContain("Interrupt received");
      expect(ended.stdout + ended.stderr).not.toContain("Two interrupts received");
      expect(ended.status).toBe(1);
      expect(s3.keys()).not.toContain("dev/terraform.tfstate.tflock");
    } finally {
      folder.remove();
      await s3.stop();
    }
  });
});
