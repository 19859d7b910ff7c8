// What an operator asks, of a receiver's HTTP side on loopback.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closeAll, Served } from "../http/test-server";
import { readConfig } from "../ops/config";
import { event, SECRET } from "../test-support";
import { type Action, operate } from "./operate";

const folder = mkdtempSync(join(tmpdir(), "receiver-operate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(closeAll);

function configOf(args: readonly string[], env: Record<string, string>) {
  const outcome = readConfig({ args, env: { HOME: folder, ...env }, receives: false });
  if (!("config" in outcome)) throw new Error(JSON.stringify(outcome));
  return outcome.config;
}

/** What was said, and how it ended: true, false, or the error's text. */
async function ask(url: string, action: Action, target?: string, env: Record<string, string> = {}) {
  const lines: string[] = [];
  const given = env["NEXUS_PULL_SECRET_FILE"] === undefined ? { NEXUS_PULL_SECRET: SECRET, ...env } : env;
  const config = configOf(["--url", url], given);
  const asked = operate({ action, target, config, say: (line) => lines.push(line) });
  const done = await asked.catch((error: unknown) => (error as Error).message);
  return { done, said: lines.join("\n") };
}

async function vmOf(served: Served) {
  return (await (await served.get("/status/nexus-01")).json()) as { phase: string; acknowledged?: string };
}

test("acknowledges a VM in trouble once it is in trouble, and not before", async () => {
  const served = await Served.open();
  await served.send(event("vm.booted"));
  expect(await ask(served.base, "acknowledge", "dev/nexus-01")).toEqual({
    done: false,
    said: "nothing to acknowledge: dev/nexus-01 is not known there, or nothing is wrong with it",
  });
  await served.send(event("bootstrap.failed", { seq: 2 }));
  expect(await ask(served.base, "acknowledge", "dev/nexus-01")).toEqual({
    done: true,
    said: "acknowledged dev/nexus-01",
  });
  expect((await vmOf(served)).acknowledged).toBeDefined();
});

test("retires a VM, asked by the full POST address, too", async () => {
  const served = await Served.open();
  await served.send(event("vm.booted"));
  expect(await ask(`${served.base}/webhook`, "retire", "dev/nexus-01")).toEqual({
    done: true,
    said: "retired dev/nexus-01",
  });
  expect((await vmOf(served)).phase).toBe("Retired");
  expect((await ask(served.base, "retire", "dev/nexus-01")).done).toBe(false);
  expect((await ask(served.base, "retire", "dev/nobody")).done).toBe(false);
});

test("has what was set aside sent again, and says when there is nothing", async () => {
  const letters = { chat: 2, quiet: 0 };
  const served = await Served.open({
    forwarders: {
      status: () => [],
      deadLetters: (name) => (name in letters ? Promise.resolve([]) : undefined),
      sendAgain: (name) => Promise.resolve(letters[name as "chat"]),
    },
  });
  expect(await ask(served.base, "resend", "chat")).toEqual({ done: true, said: "2 to be sent again" });
  expect(await ask(served.base, "resend", "quiet")).toEqual({
    done: false,
    said: "nothing to resend: quiet has set nothing aside",
  });
  expect((await ask(served.base, "resend", "other")).done).toMatch(/forwarder_unknown: no forwarder other/);
});

test("signs with each secret of the file: while one is replaced by another, the receiver may know either", async () => {
  const served = await Served.open();
  await served.send(event("vm.booted"));
  const file = join(folder, "secrets");
  writeFileSync(file, `a-secret-that-no-receiver-has-yet\n${SECRET}\n`);
  const env = { NEXUS_PULL_SECRET_FILE: file };
  expect(await ask(served.base, "retire", "dev/nexus-01", env)).toEqual({ done: true, said: "retired dev/nexus-01" });
});

test("fails when a wrong secret is not told as such, or shown", async () => {
  const served = await Served.open();
  const { done } = await ask(served.base, "retire", "dev/nexus-01", { NEXUS_PULL_SECRET: "not-the-secret-at-all" });
  expect(done).toMatch(/refused it: mac_invalid: .+; .+/);
  expect(done).not.toContain("not-the-secret");
  const data = join(folder, "nothing");
  const config = configOf(["--url", served.base, "--data", data], {});
  await expect(operate({ action: "retire", target: "dev/a", config, say: () => undefined })).rejects.toThrow(
    `there is no operator secret at ${join(data, "secret")}; give --secret-file, NEXUS_PULL_SECRET, or --data`,
  );
});

test.each<[Action, string | undefined]>([
  ["retire", undefined],
  ["retire", "nexus-01"],
  ["acknowledge", "dev/nexus-01/x"],
  ["acknowledge", "dev/../x"],
  ["resend", "Chat"],
  ["resend", undefined],
])("says how to name what %s is about: %s", async (action, target) => {
  expect((await ask("http://127.0.0.1:9", action, target)).done).toMatch(
    /name the (VM as FLEET\/VM|forwarder), e\.g\. /,
  );
});

test.each([404, 200])("says that what answers %i is no receiver", async (status) => {
  const other = createServer((_request, response) => response.writeHead(status).end("<h1>not here</h1>"));
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  const { done } = await ask(url, "retire", "dev/a");
  other.closeAllConnections();
  await new Promise((resolve) => other.close(resolve));
  expect(done).toBe(`${url} answered ${status}, which no receiver does; name its address with --url`);
});

test("asks the receiver of this host when no address is given, and says that it does not answer", async () => {
  const config = { ...configOf(["--port", "1"], { NEXUS_PULL_SECRET: SECRET }) };
  const asked = (host: string) =>
    operate({ action: "retire", target: "dev/a", config: { ...config, host }, say: () => undefined });
  await expect(asked("0.0.0.0")).rejects.toThrow("http://localhost:1 does not answer");
  await expect(asked("127.0.0.1")).rejects.toThrow("http://127.0.0.1:1 does not answer");
  await expect(asked("::1")).rejects.toThrow("http://[::1]:1 does not answer");
});
