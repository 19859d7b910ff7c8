// What lib/backend synthesizes, run by real OpenTofu against a real S3 server with conditional writes.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, Testing, TerraformStack, TerraformVariable } from "cdktf";
import {
  LocalStateBackend,
  S3StateBackend,
  StateEncryption,
  type MinioStateProps,
  type PassphraseEncryptionProps,
} from "../../lib/backend";
import { fencedBlock, readDocument } from "../support/document";
import { until } from "../../lab/host/processes";
import { startS3, type S3Server } from "../../lab/services/s3";
import { TofuFolder } from "../../lab/host/tofu";
import { npmRunTofu } from "../support/tofu-script";
import { describeWith } from "../support/suites";

const CANARY = "canary-7f3a-in-the-state";
const KEY = "dev/terraform.tfstate";

const folders: TofuFolder[] = [];
const servers: S3Server[] = [];

interface Data {
  readonly input: string;
  readonly provisioner?: unknown;
}

/** One terraform_data resource in a stack called dev: no provider is needed. */
function folder(build: (stack: TerraformStack) => void, data: Data = { input: CANARY }, at = ""): TofuFolder {
  const stack = new TerraformStack(Testing.stubVersion(new App({ stackTraces: false })), "dev");
  build(stack);
  stack.addOverride("resource.terraform_data.one", data);
  const made = new TofuFolder({ [join(at, "cdk.tf.json")]: Testing.synth(stack, true) });
  folders.push(made);
  return made;
}

async function server(options?: Parameters<typeof startS3>[0]): Promise<S3Server> {
  const made = await startS3(options);
  servers.push(made);
  return made;
}

function onS3(s3: S3Server, props: Partial<MinioStateProps> = {}) {
  return (stack: TerraformStack): void => {
    S3StateBackend.minio(stack, { bucket: s3.bucket, endpoint: s3.endpoint, ...props });
  };
}

function encryptedOn(s3: S3Server, props: Omit<PassphraseEncryptionProps, "passphrase"> = {}) {
  return (stack: TerraformStack): void => {
    onS3(s3)(stack);
    const variable = new TerraformVariable(stack, "state_passphrase", { type: "string", sensitive: true });
    StateEncryption.pbkdf2(stack, { passphrase: variable.stringValue, ...props });
  };
}

const flat = (text: string): string => text.replace(/\s+/g, " ");
const stateOn = (s3: S3Server): string => readFileSync(join(s3.folder, KEY), "utf8");

describeWith(["tofu", "versitygw", "tofurc"], "state backends with real OpenTofu", () => {
  afterEach(async () => {
    for (const made of folders.splice(0)) made.remove();
    for (const made of servers.splice(0)) await made.stop();
  });

  it("plans, applies, and finds nothing to do afterwards, from another folder too", async () => {
    const s3 = await server();
    const first = folder(onS3(s3));
    await first.run(["init"], { env: s3.env });
    await first.run(["validate"], { env: s3.env });
    await first.run(["plan", "-out=plan"], { env: s3.env });
    await first.run(["apply", "plan"], { env: s3.env });
    expect(s3.keys()).toEqual([KEY]);
    const second = folder(onS3(s3));
    await second.run(["init"], { env: s3.env });
    expect(await second.try(["plan", "-detailed-exitcode"], { env: s3.env })).toMatchObject({ status: 0 });
  });

  it("refuses a second apply while the first one holds the lock, and lets it pass afterwards", async () => {
    const s3 = await server();
    const waits = { command: "n=0; until [ -e release ] || [ $n -gt 300 ]; do sleep 0.1; n=$((n+1)); done" };
    const first = folder(onS3(s3), { input: "first", provisioner: [{ "local-exec": waits }] });
    const second = folder(onS3(s3), { input: "second" });
    await first.run(["init"], { env: s3.env });
    await second.run(["init"], { env: s3.env });
    const applying = first.start(["apply", "-auto-approve"], { env: s3.env });
    await until("the lock is there", () => s3.keys().includes(`${KEY}.tflock`));
    const refused = await second.try(["apply", "-auto-approve"], { env: s3.env });
    first.write("release", "");
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/Error acquiring the state lock[^]*412/);
    expect(await applying.ended).toMatchObject({ status: 0 });
    expect(s3.keys()).toEqual([KEY]);
    await second.run(["apply", "-auto-approve"], { env: s3.env });
    expect(stateOn(s3)).toContain('"second"');
  });

  it("fails without credentials in the environment", async () => {
    const s3 = await server();
    const without = await folder(onS3(s3)).try(["init"], { env: { AWS_EC2_METADATA_DISABLED: "true" } });
    expect(without.status).toBe(1);
    expect(without.stderr).toContain("No valid credential sources found");
  });

  it("trusts a certificate authority by caBundle, and nobody without it", async () => {
    const files = folder(() => undefined);
    const [cert, key] = [join(files.path, "cert.pem"), join(files.path, "key.pem")];
    const name = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"];
    const make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    execFileSync("openssl", [...make, "-keyout", key, "-out", cert, ...name], { stdio: "ignore" });
    const s3 = await server({ tls: { cert, key } });
    await folder(onS3(s3, { caBundle: cert })).run(["init"], { env: s3.env });
    await folder(onS3(s3, { insecure: true })).run(["init"], { env: s3.env });
    const distrustful = folder((stack) => {
      const { backend } = S3StateBackend.minio(stack, { bucket: s3.bucket, endpoint: s3.endpoint });
      backend.addOverride("max_retries", 1);
    });
    const distrusting = await distrustful.try(["init"], { env: s3.env });
    expect(distrusting.status).toBe(1);
    expect(distrusting.stderr).toContain("x509");
  });

  it("keeps local state beside cdktf.out", async () => {
    const at = join("cdktf.out", "stacks", "dev");
    const local = folder((stack) => LocalStateBackend.relative(stack), undefined, at);
    await local.run(["init"], { subfolder: at });
    await local.run(["apply", "-auto-approve"], { subfolder: at });
    expect(local.read("terraform.dev.tfstate")).toContain(CANARY);
  });

  it("moves a local state to S3 as the documents say, and finds nothing to do afterwards", async () => {
    const s3 = await server();
    const at = join("cdktf.out", "stacks", "dev");
    const moved = folder((stack) => LocalStateBackend.relative(stack), undefined, at);
    await moved.run(["init"], { subfolder: at });
    await moved.run(["apply", "-auto-approve"], { subfolder: at });
    const id = /"id": "([^"]+)"/.exec(moved.read("terraform.dev.tfstate"))?.[1] ?? "none";

    moved.write(join(at, "cdk.tf.json"), folder(onS3(s3)).read("cdk.tf.json"));
    const asked = { env: { ...s3.env, TF_INPUT: "1" }, stdin: "yes\n" };
    const answer = await npmRunTofu(moved, ["dev", "init", "-migrate-state"], asked).ended;
    expect(answer).toMatchObject({ status: 0 });
    const shown = fencedBlock(readDocument("docs/phase2-ha-backend.md"), "console", "init -migrate-state");
    const [said = ""] = /Initializing the backend[^]*configuration changes\./.exec(shown) ?? [];
    expect(flat(answer.stdout)).toContain(flat(said.replace("Enter a value: yes", "Enter a value:")));
    expect(stateOn(s3)).toContain(id);
    const plan = await npmRunTofu(moved, ["dev", "plan", "-detailed-exitcode"], { env: s3.env }).ended;
    expect(plan).toMatchObject({ status: 0 });
    // OpenTofu leaves the file as it was, secrets and all: a person has to remove it.
    expect(moved.read("terraform.dev.tfstate")).toContain(CANARY);
  });

  describe("StateEncryption", () => {
    const secret = { TF_VAR_state_passphrase: "correct horse battery staple" };

    it("leaves no clear text in state and plan, and reads back with the same passphrase only", async () => {
      const s3 = await server();
      const env = { ...s3.env, ...secret };
      // The lock as it is during the apply.
      const look = { "local-exec": { command: `cp '${join(s3.folder, KEY)}.tflock' seen` } };
      const made = folder(encryptedOn(s3), { input: CANARY, provisioner: [look] });
      await made.run(["init"], { env });
      await made.run(["plan", "-out=plan"], { env });
      // An unencrypted plan is a ZIP file.
      expect(made.read("plan")).toMatch(/^\{.*"encrypted_data"/);
      await made.run(["apply", "plan"], { env });
      expect(stateOn(s3)).toContain("encrypted_data");
      expect(stateOn(s3)).not.toContain(CANARY);
      expect(JSON.parse(made.read("seen"))).toMatchObject({
        Operation: "OperationTypeApply",
        Path: `${s3.bucket}/${KEY}`,
      });
      expect(made.read("seen")).not.toContain(CANARY);
      const other = folder(encryptedOn(s3));
      await other.run(["init"], { env });
      expect(await other.try(["plan", "-detailed-exitcode"], { env })).toMatchObject({ status: 0 });
      const wrong = await other.try(["plan"], { env: { ...env, TF_VAR_state_passphrase: "another long passphrase" } });
      expect(wrong.status).toBe(1);
      expect(wrong.stderr).toContain("decryption failed");
    });

    it("takes a clear-text state over once, and refuses it when enforced", async () => {
      const s3 = await server();
      const env = { ...s3.env, ...secret };
      const clear = folder(onS3(s3));
      await clear.run(["init"], { env });
      await clear.run(["apply", "-auto-approve"], { env });
      // The canary is there to be found: without this the test above would prove nothing.
      expect(stateOn(s3)).toContain(CANARY);
      const enforced = await folder(encryptedOn(s3)).try(["init"], { env });
      expect(enforced.status).toBe(1);
      const taking = folder(encryptedOn(s3, { takeOverClearText: true }), { input: `${CANARY}-2` });
      await taking.run(["init"], { env });
      await taking.run(["apply", "-auto-approve"], { env });
      expect(stateOn(s3)).not.toContain(CANARY);
      const strict = folder(encryptedOn(s3), { input: `${CANARY}-2` });
      await strict.run(["init"], { env });
      expect(await strict.try(["plan", "-detailed-exitcode"], { env })).toMatchObject({ status: 0 });
    });
  });
});
