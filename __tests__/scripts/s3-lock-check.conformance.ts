// `npm run s3:lock-check` against a real S3 server, and against the same one behind something that drops If-None-Match.
import { request as send } from "node:http";
import { AwsClient } from "aws4fetch";
import { lockCheck, serve, type Served } from "../../scripts/s3/test-support";
import { startS3, type S3Server } from "../../lab/services/s3";
import { describeWith } from "../support/suites";

describeWith(["versitygw"], "s3:lock-check with a real S3 server", () => {
  let s3: S3Server;
  const served: Served[] = [];
  beforeAll(async () => void (s3 = await startS3()));
  afterAll(async () => {
    for (const one of served) await one.stop();
    await s3?.stop();
  });

  const check = (endpoint: string, env = s3.env, ...more: string[]) =>
    lockCheck(["--endpoint", endpoint, "--bucket", s3.bucket, ...more], env);

  it("says that it locks, after 50 races, and leaves no object behind", async () => {
    const run = await check(s3.endpoint);
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(run.stdout).toContain("50 races of 8: exactly one accepted in each");
    expect(run.stdout).toContain(`LOCKS: bucket ${s3.bucket} at ${s3.endpoint}`);
    expect(s3.keys()).toEqual([]);
  });

  it("says that it does not lock when the store never sees If-None-Match", async () => {
    const client = new AwsClient({
      accessKeyId: s3.env.AWS_ACCESS_KEY_ID ?? "",
      secretAccessKey: s3.env.AWS_SECRET_ACCESS_KEY ?? "",
      service: "s3",
      region: "us-east-1",
      retries: 0,
    });
    // Signs anew without the header: what a store that ignores it makes of the request.
    const deaf = await serve(async (request, body, response) => {
      const { method = "" } = request;
      const answer = await client.fetch(`${s3.endpoint}${request.url}`, {
        method,
        body: method === "PUT" ? body : null,
      });
      response.writeHead(answer.status).end(await answer.text());
    });
    served.push(deaf);
    const run = await check(deaf.endpoint);
    expect(run.stdout).toContain("the second PUT with If-None-Match was accepted: the header is ignored");
    expect(run.status).toBe(1);
    expect(s3.keys()).toEqual([]);
  });

  it("cannot tell when something in front of the store takes the header out of the signed request", async () => {
    const stripping = await serve((request, body, response) => {
      const headers = { ...request.headers };
      delete headers["if-none-match"];
      send(new URL(request.url ?? "/", s3.endpoint), { method: request.method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      }).end(body);
    });
    served.push(stripping);
    const run = await check(stripping.endpoint);
    expect(run.stdout).toMatch(/CANNOT TELL[^]*HTTP 403 \(SignatureDoesNotMatch/);
    expect(run.stdout).toContain("something in front of the store changes requests");
    expect(run.status).toBe(3);
  });

  it("cannot tell with wrong credentials, or without the bucket", async () => {
    const wrong = await check(s3.endpoint, { ...s3.env, AWS_SECRET_ACCESS_KEY: "wrong" });
    expect(wrong).toMatchObject({ status: 3 });
    expect(wrong.stdout).toContain("CANNOT TELL");
    const other = await lockCheck(["--endpoint", s3.endpoint, "--bucket", "another"], s3.env);
    expect(other).toMatchObject({ status: 3 });
    expect(other.stdout).toContain("see that the bucket exists");
  });
});
