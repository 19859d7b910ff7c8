// The same props give the same bytes, wherever and whenever; and one more VM costs little.
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, TerraformStack } from "cdktf";
import { agentProgram } from "../../lib/seed/agent-program";
import { Git, LocalStateBackend, NexusVariables, NexusVmPull, Receiver } from "../../lib";
import { MATRIX, matrixStack } from "../support/matrix";
import { synthText } from "../support/synth";

/** Synthesizes the whole matrix in a folder of its own, with that folder as the working directory. */
function inFolder(now: string): { readonly text: string; readonly folder: string } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "nexus-pull-det-")));
  const before = process.cwd();
  const warn = jest.spyOn(console, "warn").mockImplementation(() => undefined);
  jest.useFakeTimers({ now: new Date(now), doNotFake: ["nextTick", "setImmediate", "setTimeout", "setInterval"] });
  try {
    process.chdir(folder);
    const app = new App({ outdir: join(folder, "out") });
    matrixStack(app, "matrix", MATRIX);
    app.synth();
    return { text: readFileSync(join(folder, "out", "stacks", "matrix", "cdk.tf.json"), "utf8"), folder };
  } finally {
    process.chdir(before);
    jest.useRealTimers();
    warn.mockRestore();
    rmSync(folder, { recursive: true, force: true });
  }
}

test("fails when two folders, or two days, give different bytes", () => {
  const first = inFolder("2026-01-01T00:00:00Z");
  const second = inFolder("2031-07-19T12:34:56Z");
  expect(first.folder).not.toBe(second.folder);
  expect(second.text).toBe(first.text);
});

test("fails when the JSON names a place on this machine", () => {
  const { text, folder } = inFolder("2026-01-01T00:00:00Z");
  for (const place of [folder, process.cwd(), tmpdir(), process.env.HOME ?? "/root", __dirname]) {
    expect(text.includes(`${place}/`)).toBe(false);
  }
});

/** A stack of VMs as a team has them. */
function fleet(count: number, reports: boolean): string {
  return synthText((app) => {
    const stack = new TerraformStack(app, "fleet");
    LocalStateBackend.relative(stack);
    const vars = new NexusVariables(stack);
    vars.provider();
    const settings = { webhookUrl: vars.webhookUrl, secret: vars.webhookSecret };
    const receiver = reports ? new Receiver(stack, "receiver", settings) : undefined;
    for (let index = 0; index < count; index += 1) {
      new NexusVmPull(stack, `vm-${index}`, {
        name: `vm-${index}`,
        nodeName: vars.proxmoxNode,
        templateVmId: vars.templateVmId,
        source: Git.https(vars.ansibleRepoUrl, { token: vars.gitToken }),
        network: [{ bridge: "vmbr0", address: `10.1.${index >> 8}.${index & 255}/16`, gateway: "10.1.255.254" }],
        dns: { servers: ["10.1.0.53"] },
        receiver,
      });
    }
    return stack;
  });
}

// With a receiver, 4 KiB are the script of the request that a destroy provisioner sends: it may refer to nothing outside.
test.each([
  ["without a receiver", false, 8],
  ["with a receiver", true, 15],
])(
  "fails when one more VM %s costs too much, or the agent stands there twice",
  (what, reports, limitKiB) => {
    const [few, many] = [fleet(2, reports), fleet(302, reports)];
    const bytes = (Buffer.byteLength(many) - Buffer.byteLength(few)) / 300;
    expect(many.split(agentProgram().gzipBase64)).toHaveLength(2);
    expect(bytes).toBeLessThan(limitKiB * 1024);
    // A floor too, so that what is measured is really three hundred VMs more.
    expect(bytes).toBeGreaterThan(1024);
    process.stdout.write(`each further VM ${what} adds ${Math.round(bytes)} bytes of JSON\n`);
  },
  120_000,
);
