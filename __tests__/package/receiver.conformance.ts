// The receiver's published package: packed, installed into an empty folder, and run with npx as its users do.
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deriveVmKey } from "@nexus-pull/contract";
import { readExamples } from "@nexus-pull/contract/test-support";
import { signedHeaders } from "../../receiver/src/test-support";
import { type Outcome, type Running, signalGroup, start, until } from "../../lab/host/processes";
import { freePort } from "../../lab/services/s3";
import { REPOSITORY } from "../../lab/host/tools";
import { describeUnless } from "../support/suites";
import { command, INSTALL, packLibrary, registryProblem, shell, type Tarball, temporaryFolder } from "./consumer";

jest.setTimeout(300_000);

interface Example {
  readonly id: string;
  readonly data: { readonly fleet: string; readonly vm: string };
}

/** Not what was built or installed. */
const COPIED = { recursive: true, filter: (path: string) => !/\/receiver\/(?:dist|node_modules)$/.test(path) };

let folder: string;
let sources: string;
let tarball: Tarball;
let running: Running | undefined;

beforeAll(async () => {
  folder = temporaryFolder();
  // A copy, since what makes the bundle for a host builds in receiver/dist as well, maybe at this moment. It is below the
  // repository for the sake of the programs that build it.
  mkdirSync(join(REPOSITORY, "dist"), { recursive: true });
  sources = mkdtempSync(join(REPOSITORY, "dist", "receiver-package-"));
  for (const room of ["receiver", "contract"]) cpSync(join(REPOSITORY, room), join(sources, room), COPIED);
  tarball = await packLibrary(folder, join(sources, "receiver"));
});

afterAll(async () => {
  if (running !== undefined) {
    signalGroup(running.child, "SIGKILL");
    await running.ended;
  }
  for (const made of [folder, sources]) rmSync(made, { recursive: true, force: true });
});

it("holds the program, the licences of what is in it, the dashboard and its README, and nothing else", () => {
  const allowed =
    /^(?:package\.json|README\.md|dist\/LICENSES\.txt|dist\/nexus-pull-receiver\.js|dist\/dashboard\/[a-z-]+\.(?:html|css|js|svg))$/;
  expect(tarball.files.filter((file) => !allowed.test(file))).toEqual([]);
  const needed = ["README.md", "dist/LICENSES.txt", "dist/dashboard/index.html", "dist/nexus-pull-receiver.js"];
  expect(tarball.files).toEqual(expect.arrayContaining(needed));
});

/** Starts it and waits until it listens, or fails with what it said instead. */
async function launch(home: string, base: string, program: string, args: readonly string[]): Promise<Running> {
  const env = { ...shell(), XDG_STATE_HOME: join(home, "state") };
  const started = (running = start(program, args, { cwd: home, env, timeoutMs: 200_000 }));
  const listens = (): boolean => started.output().includes(`listening: ${base}/status`);
  await until("the receiver listens", () => listens() || started.child.exitCode !== null);
  if (!listens()) throw new Error(`the receiver did not start:\n${started.output()}`);
  return started;
}

async function end(started: Running): Promise<Outcome> {
  signalGroup(started.child, "SIGTERM");
  const outcome = await started.ended;
  running = undefined;
  return outcome;
}

const text = async (url: string): Promise<string> => (await fetch(url)).text();

function postExample(base: string, secret: string): Promise<Response> {
  const example = readExamples("events").valid.find(({ name }) => name === "vm.booted");
  if (example === undefined) throw new Error("the contract has no example of vm.booted");
  const event = example.value as Example;
  const body = JSON.stringify(event);
  const key = deriveVmKey(secret, event.data.fleet, event.data.vm);
  const headers = signedHeaders(body, event.id, Math.floor(Date.now() / 1000), key);
  return fetch(`${base}/webhook`, { method: "POST", body, headers });
}

describeUnless(registryProblem(), "installed from its tarball into an empty folder", () => {
  it("starts by npx, says how to use the secret that it made, takes a signed event, and ends with SIGTERM", async () => {
    const home = join(folder, "consumer");
    // A folder of its own: without a package.json npm would look for one further up.
    await command(folder, "mkdir", [home]);
    writeFileSync(join(home, "package.json"), '{"name":"consumer","private":true}');
    await command(home, "npm", [...INSTALL, tarball.path]);

    const port = await freePort();
    const args = ["--no-install", "nexus-vm-pull-receiver", "--host", "127.0.0.1", "--port", String(port)];
    const base = `http://127.0.0.1:${port}`;
    const npx = await launch(home, base, "npx", args);

    const said = npx.output();
    const file = join(home, "state", "nexus-pull-receiver", "secret");
    expect(said).toContain(`dashboard: ${base}/\n`);
    expect(said).toContain(`listening: ${base}/status; VMs post to http://<this host>:${port}/webhook`);
    // What it prints works when it is typed.
    const read = /read it with: (cat \S+)/.exec(said)?.[1] ?? "";
    const secret = (await command(home, "sh", ["-c", read])).trimEnd();
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const variable = /e\.g\. (TF_VAR_webhook_secret=.*) tofu apply/.exec(said)?.[1] ?? "";
    expect(await command(home, "sh", ["-c", `${variable} sh -c 'echo "$TF_VAR_webhook_secret"'`])).toBe(`${secret}\n`);
    expect(said).not.toContain(secret);

    expect(JSON.parse(await text(`${base}/status`))).toMatchObject({ vms: [] });
    expect((await postExample(base, "another-secret-0123456789abcdef")).status).toBe(401);
    expect(JSON.parse(await text(`${base}/status`))).toMatchObject({ vms: [] });
    expect(await (await postExample(base, secret)).json()).toMatchObject({ accepted: 1, duplicates: 0 });
    expect(JSON.parse(await text(`${base}/status`))).toMatchObject({ vms: [{ vm: "nexus-01", phase: "Booted" }] });
    expect(await text(`${base}/`)).toContain("<html");

    // Ctrl-C reaches npx and the program alike. npx then ends by the signal; its output closes when the program has ended.
    expect((await end(npx)).stderr).toContain("SIGTERM: taking nothing more");
    await expect(fetch(`${base}/healthz`)).rejects.toThrow();

    // The program without npx around it shows its own exit status, and what was acknowledged is there.
    const program = join(home, "node_modules", ".bin", "nexus-pull-receiver");
    const again = await launch(home, base, program, args.slice(2));
    expect(again.output()).toContain(`using the operator secret: ${file} (mode 0600)`);
    expect(JSON.parse(await text(`${base}/status`))).toMatchObject({ vms: [{ vm: "nexus-01", phase: "Booted" }] });
    expect(await end(again)).toMatchObject({ status: 0, signal: null, timedOut: false });
  });
});
