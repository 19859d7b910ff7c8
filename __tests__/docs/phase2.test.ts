// docs/phase2-ha-backend.md shows what the code does. Its output of OpenTofu: __tests__/construct-on-pve/locking.conformance.ts.
import { App, Testing, TerraformStack } from "cdktf";
import { S3StateBackend } from "../../lib";
import { fencedBlock, readDocument } from "../support/document";
import { lockCheck, serve } from "../../scripts/s3/test-support";

const TEXT = readDocument("docs/phase2-ha-backend.md");
const ENV = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "s" };

jest.setTimeout(60_000);

test("the backend is the one that is synthesized", () => {
  const stack = new TerraformStack(Testing.stubVersion(new App({ stackTraces: false })), "dev");
  S3StateBackend.minio(stack, { bucket: "tofu-state", endpoint: "https://s3.example:9000" });
  const { terraform } = JSON.parse(Testing.synth(stack, true)) as { terraform: { backend: unknown } };
  expect(JSON.parse(fencedBlock(TEXT, "json", "use_lockfile"))).toEqual(terraform.backend);
});

/** Objects are kept, or every PUT is accepted. */
async function checked(answer: (has: boolean) => [number, string]): Promise<string> {
  const objects = new Map<string, string>();
  const store = await serve((request, body, response) => {
    const key = request.url ?? "";
    const [status, text] = request.method === "PUT" ? answer(objects.has(key)) : [200, objects.get(key) ?? ""];
    if (request.method === "PUT" && status === 200) objects.set(key, body.toString());
    response.writeHead(status).end(text);
  });
  try {
    const { stdout } = await lockCheck(["--endpoint", store.endpoint, "--bucket", "tofu-state"], ENV);
    return stdout.replaceAll(store.endpoint, "https://s3.example:9000");
  } finally {
    await store.stop();
  }
}

test("the script's three verdicts are the ones that it prints", async () => {
  const denied = "<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>";
  expect(fencedBlock(TEXT, "console", "LOCKS")).toContain(await checked((has) => [has ? 412 : 200, ""]));
  expect(fencedBlock(TEXT, "text", "DOES NOT LOCK")).toBe(await checked(() => [200, ""]));
  expect(fencedBlock(TEXT, "text", "CANNOT TELL")).toBe(await checked(() => [403, denied]));
});
