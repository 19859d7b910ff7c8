// The policy of docs/phase2-ha-backend.md, given to a user of a real S3 server: it is enough for OpenTofu, and what it names is needed.
// Not so ListBucket: this server answers 404 for what is not there with or without it, Amazon 403 without.
import { AwsClient } from "aws4fetch";
import { App, Testing, TerraformStack } from "cdktf";
import { S3StateBackend } from "../../lib";
import { fencedBlock, readDocument } from "../support/document";
import { asUser, startS3, type S3Server } from "../../lab/services/s3";
import { TofuFolder } from "../../lab/host/tofu";
import { describeWith } from "../support/suites";

interface Statement {
  readonly Action: string | string[];
  readonly Resource: string | string[];
}

const USER = { access: "limited-user", secret: "limited-user-secret" };
const POLICY = JSON.parse(fencedBlock(readDocument("docs/phase2-ha-backend.md"), "json", "s3:ListBucket")) as {
  readonly Statement: readonly Statement[];
};

/** The policy without what `drop` picks. */
function without(drop: (text: string) => boolean): Statement[] {
  const kept = (texts: string | string[]): string[] => [texts].flat().filter((text) => !drop(text));
  return POLICY.Statement.map((one) => ({ ...one, Action: kept(one.Action), Resource: kept(one.Resource) })).filter(
    ({ Action, Resource }) => Action.length > 0 && Resource.length > 0,
  );
}

describeWith(["tofu", "tofurc", "versitygw"], "the policy for a state's credentials", () => {
  const env = asUser(USER);
  let s3: S3Server;
  let folder: TofuFolder;

  beforeAll(async () => {
    s3 = await startS3({ user: USER });
    const stack = new TerraformStack(Testing.stubVersion(new App({ stackTraces: false })), "dev");
    S3StateBackend.minio(stack, { bucket: s3.bucket, endpoint: s3.endpoint });
    stack.addOverride("resource.terraform_data.one", { input: "one" });
    folder = new TofuFolder({ "cdk.tf.json": Testing.synth(stack, true) });
  });
  afterAll(async () => {
    folder?.remove();
    await s3?.stop();
  });

  /** As a policy of the bucket, which says besides whom it is for. */
  async function allow(statements: readonly Statement[]): Promise<void> {
    const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = s3.env;
    const owner = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "us-east-1", retries: 0 });
    const document = {
      ...POLICY,
      Statement: statements.map((one) => ({ ...one, Principal: { AWS: [USER.access] } })),
    };
    const put = { method: "PUT", body: JSON.stringify(document) };
    const answer = await owner.fetch(`${s3.endpoint}/${s3.bucket}?policy`, put);
    if (!answer.ok) throw new Error(await answer.text());
  }

  it("is enough for init, plan, apply, force-unlock and destroy", async () => {
    await allow(POLICY.Statement);
    await folder.run(["init"], { env });
    await folder.run(["plan", "-out=plan"], { env });
    await folder.run(["apply", "plan"], { env });
    const id = "11111111-1111-1111-1111-111111111111";
    const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = env;
    const user = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "us-east-1", retries: 0 });
    const lock = { method: "PUT", body: JSON.stringify({ ID: id, Path: "tofu-state/dev/terraform.tfstate" }) };
    expect((await user.fetch(`${s3.endpoint}/${s3.bucket}/dev/terraform.tfstate.tflock`, lock)).status).toBe(200);
    expect((await folder.try(["plan"], { env })).stderr).toContain(id);
    await folder.run(["force-unlock", "-force", id], { env });
    await folder.run(["destroy", "-auto-approve"], { env });
    expect(s3.keys()).toEqual(["dev/terraform.tfstate"]);
  });

  it.each<[string, (text: string) => boolean]>([
    ["the lock", (text) => text.endsWith(".tflock")],
    ["the state", (text) => text.endsWith(".tfstate")],
    ["GetObject", (text) => text === "s3:GetObject"],
    ["PutObject", (text) => text === "s3:PutObject"],
    ["DeleteObject", (text) => text === "s3:DeleteObject"],
  ])("is not enough without %s", async (_what, drop) => {
    await allow(without(drop));
    const outcome = await folder.try(["apply", "-auto-approve"], { env });
    expect(outcome.stdout + outcome.stderr).toMatch(/AccessDenied|Access Denied|Forbidden/);
    expect(outcome.status).toBe(1);
    await allow(POLICY.Statement);
    const held = /Lock Info:\s+ID: +(\S+)/.exec((await folder.try(["plan"], { env })).stderr)?.[1];
    if (held !== undefined) await folder.run(["force-unlock", "-force", held], { env });
  });

  it("lets nobody read another stack's state", async () => {
    const other = new TofuFolder({
      "cdk.tf.json": folder.read("cdk.tf.json").replace("dev/terraform", "prod/terraform"),
    });
    try {
      expect((await other.try(["init"], { env })).stderr).toMatch(/AccessDenied|Access Denied|Forbidden/);
    } finally {
      other.remove();
    }
  });
});
