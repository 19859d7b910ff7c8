import { App, Testing, TerraformStack } from "cdktf";
import { problemsOf } from "../validation/report";
import { LocalStateBackend, S3StateBackend, type MinioStateProps } from ".";

const MINIO = { bucket: "tofu-state", endpoint: "https://minio.example:9000" };

interface Made {
  readonly stack: TerraformStack;
  codes(): string[];
  json(): { terraform: { backend: Record<string, Record<string, unknown>> } };
  warnings(): string[];
}

function made(build: (stack: TerraformStack) => void): Made {
  const app = Testing.stubVersion(new App({ stackTraces: false }));
  const stack = new TerraformStack(app, "dev");
  build(stack);
  return {
    stack,
    codes: () => problemsOf(stack).map(({ code, prop }) => `${code} ${prop}`),
    json: () => JSON.parse(Testing.synth(stack)) as ReturnType<Made["json"]>,
    warnings: () => stack.node.metadata.filter(({ type }) => type === "@cdktf/warn").map(({ data }) => String(data)),
  };
}

function minio(props: Partial<Record<keyof MinioStateProps | "accessKey" | "secret_key", unknown>>): Made {
  return made((stack) => S3StateBackend.minio(stack, { ...MINIO, ...props } as MinioStateProps));
}

describe("S3StateBackend.minio", () => {
  it("writes what a MinIO needs, with the stack's id in the key", () => {
    expect(minio({}).json().terraform.backend).toEqual({
      s3: {
        bucket: "tofu-state",
        key: "dev/terraform.tfstate",
        region: "us-east-1",
        endpoints: { s3: "https://minio.example:9000" },
        use_path_style: true,
        use_lockfile: true,
        skip_credentials_validation: true,
        skip_region_validation: true,
        skip_requesting_account_id: true,
        skip_metadata_api_check: true,
      },
    });
  });

  it("passes key, region, certificate path and insecure on", () => {
    const { s3 } = minio({ key: "a/b.tfstate", region: "home", insecure: true }).json().terraform.backend;
    expect(s3).toMatchObject({ key: "a/b.tfstate", region: "home", insecure: true });
    const withCa = minio({ caBundle: "/etc/ssl/minio.pem" }).json().terraform.backend;
    expect(withCa.s3).toMatchObject({ custom_ca_bundle: "/etc/ssl/minio.pem" });
  });

  it.each([
    ["bucket", "Not_A_Bucket"],
    ["bucket", "ab"],
    ["bucket", ""],
    ["bucket", undefined],
    ["key", "/absolute"],
    ["key", "folder/"],
    ["key", "a//b"],
    ["key", ""],
    ["key", "state.tflock"],
    ["region", ""],
    ["region", "us east"],
    ["endpoint", "minio.example:9000"],
    ["endpoint", "ftp://minio.example"],
    ["endpoint", "https://minio.example/state"],
    ["endpoint", "https://minio.example?x=1"],
    ["endpoint", "not an address"],
  ])("fails when %s is %j", (prop, value) => {
    expect(minio({ [prop]: value }).codes()).toEqual([`backend_invalid ${prop}`]);
  });

  it("reports all problems of a backend together and refuses to synthesize", () => {
    const { codes, stack } = minio({ bucket: "", key: "/", endpoint: "x" });
    expect(codes()).toEqual(["backend_invalid bucket", "backend_invalid key", "backend_invalid endpoint"]);
    expect(() => Testing.synth(stack, true)).toThrow(/bucket: got ""[^]*key: got "\/"[^]*endpoint: got "x"/);
  });

  it("never shows the password of an endpoint", () => {
    const { stack } = minio({ endpoint: "https://user:canary-7f3a@minio.example" });
    expect(JSON.stringify(problemsOf(stack))).not.toContain("canary-7f3a");
    expect(problemsOf(stack)).toHaveLength(1);
  });

  it("has no way to pass credentials, not even past the type", () => {
    // @ts-expect-error no such prop
    const typed: MinioStateProps = { ...MINIO, accessKey: "canary-7f3a" };
    expect(typed).toBeDefined();
    const { codes, stack } = minio({ accessKey: "canary-7f3a", secret_key: "canary-7f3a" });
    expect(codes()).toEqual(["backend_credentials accessKey", "backend_credentials secret_key"]);
    expect(Testing.synth(stack)).not.toContain("canary-7f3a");
    expect(JSON.stringify(problemsOf(stack))).not.toContain("canary-7f3a");
  });

  it("fails when caBundle is a certificate, or beside insecure", () => {
    expect(minio({ caBundle: "-----BEGIN CERTIFICATE-----\nx" }).codes()).toEqual(["certificate_invalid caBundle"]);
    expect(minio({ caBundle: "/ca.pem", insecure: true }).codes()).toEqual(["backend_invalid insecure"]);
  });

  it("warns of clear text and of an unchecked certificate, but not on loopback", () => {
    expect(minio({ endpoint: "http://minio.example:9000" }).warnings()).toEqual([
      expect.stringContaining("backend_untrusted: endpoint"),
    ]);
    expect(minio({ insecure: true }).warnings()).toEqual([expect.stringContaining("backend_untrusted: insecure")]);
    expect(minio({ endpoint: "http://127.0.0.1:9000" }).warnings()).toEqual([]);
    expect(minio({}).warnings()).toEqual([]);
  });
});

describe("S3StateBackend.s3", () => {
  it("uses the native lock, encryption on the server, and checks what it talks to", () => {
    const { terraform } = made((stack) =>
      S3StateBackend.s3(stack, { bucket: "tofu-state", region: "eu-central-1", key: "x.tfstate" }),
    ).json();
    expect(terraform.backend.s3).toEqual({
      bucket: "tofu-state",
      key: "x.tfstate",
      region: "eu-central-1",
      encrypt: true,
      use_lockfile: true,
    });
  });

  it("passes endpoint, key and role on", () => {
    const { terraform } = made((stack) =>
      S3StateBackend.s3(stack, {
        bucket: "tofu-state",
        region: "eu-central-1",
        endpoint: "https://s3.example",
        kmsKeyId: "alias/state",
        roleArn: "arn:aws:iam::000000000000:role/state",
      }),
    ).json();
    expect(terraform.backend.s3).toMatchObject({
      endpoints: { s3: "https://s3.example" },
      kms_key_id: "alias/state",
      assume_role: { role_arn: "arn:aws:iam::000000000000:role/state" },
    });
  });
});

describe("LocalStateBackend.relative", () => {
  const local = (path?: string): Made => made((stack) => LocalStateBackend.relative(stack, { path }));

  it("writes a path that holds in every folder, outside the output", () => {
    expect(local().json().terraform.backend).toEqual({ local: { path: "../../../terraform.dev.tfstate" } });
    expect(local("state/dev.tfstate").json().terraform.backend).toEqual({ local: { path: "state/dev.tfstate" } });
  });

  it.each(["/var/state", "C:\\state", "\\\\server\\state", "~/state", "folder/", ""])(
    "fails when the path is %j",
    (path) => {
      expect(local(path).codes()).toEqual(["backend_invalid path"]);
    },
  );
});

it("fails when a stack gets a second backend", () => {
  const { codes } = made((stack) => {
    LocalStateBackend.relative(stack);
    S3StateBackend.minio(stack, MINIO);
  });
  expect(codes()).toEqual(["backend_duplicate backend"]);
});
