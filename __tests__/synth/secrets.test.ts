// No secret in what is synthesized, nor in what is said about it.
import { App, TerraformStack, TerraformVariable, Testing } from "cdktf";
import {
  Git,
  LocalStateBackend,
  type NexusPullError,
  NexusVariables,
  NexusVmPull,
  type NexusVmPullProps,
  Receiver,
  StateEncryption,
  Vault,
} from "../../lib";
import { MATRIX, matrixStack } from "../support/matrix";
import { synthJson } from "../support/synth";
import { codesOf, newStack } from "./refusal";

const CANARY = "canary-5d1c9f-secret";
const KEY = `-----BEGIN OPENSSH PRIVATE KEY-----\n${CANARY}\n-----END OPENSSH PRIVATE KEY-----\n`;
const HOSTS = ["git.example ssh-ed25519 AAAA"];
const field = { path: "secret/data/git", field: "token" };

type Add = (stack: TerraformStack) => Partial<NexusVmPullProps> | undefined;

const receiver = (stack: TerraformStack): Receiver =>
  new Receiver(stack, "receiver", { webhookUrl: "https://receiver.example/webhook", secret: CANARY });

/** Every place that takes a secret, with a literal in it. */
const LITERALS: Record<string, Add> = {
  "source.token": () => ({ source: Git.https("https://git.example/a.git", { token: CANARY }) }),
  "source.deployKey": () => ({ source: Git.ssh("git@git.example:a.git", { deployKey: KEY, knownHosts: HOSTS }) }),
  vaultPassword: () => ({ vaultPassword: CANARY }),
  "vault.wrappedSecretId": () => ({
    vault: Vault.appRole({ address: "https://v.example", roleId: "r", wrappedSecretId: CANARY, gitToken: field }),
  }),
  secret: (stack) => ({ receiver: receiver(stack) }),
};

function errorOf(add: Add): Error {
  const stack = newStack(new App({ stackTraces: false }));
  try {
    const props = add(stack);
    new NexusVmPull(stack, "vm", {
      name: "vm",
      nodeName: "pve",
      templateVmId: 9000,
      source: Git.https("https://git.example/a.git"),
      ...props,
    });
    // The receiver's provider is added by an aspect, as synthesis begins.
    Testing.synth(stack, true);
  } catch (error) {
    return error as Error;
  }
  throw new Error("it was accepted");
}

test.each(Object.entries(LITERALS))("refuses a literal as %s without repeating it", (prop, add) => {
  const error = errorOf(add);
  expect(codesOf(error)).toContain("secret_literal");
  expect(error.message).toContain(`${prop}: got a literal`);
  expect(`${error.message}${error.stack ?? ""}`).not.toContain(CANARY);
});

test("refuses a literal passphrase of the state without repeating it", () => {
  const stack = new TerraformStack(new App({ stackTraces: false }), "dev");
  LocalStateBackend.relative(stack);
  let message = "";
  try {
    StateEncryption.pbkdf2(stack, { passphrase: CANARY });
    stack.runAllValidations();
  } catch (error) {
    message = (error as NexusPullError).message;
  }
  expect(message).toMatch(/encryption_invalid|secret_literal/);
  expect(message).not.toContain(CANARY);
});

test.each([
  ["a token in an address", { source: Git.https(`https://user:${CANARY}@git.example/a.git`) }],
  ["a private key instead of a public one", { sshAuthorizedKeys: [KEY] }],
])("refuses %s without repeating it", (_what, props) => {
  const error = errorOf(() => props);
  expect(error.message).not.toContain(CANARY);
});

test("fails when a variable that holds a secret is not sensitive, or has it as its default", () => {
  const stack = synthJson((app) => {
    matrixStack(app, "matrix", MATRIX);
    return app.node.findChild("matrix") as TerraformStack;
  });
  const variables = stack.variable as unknown as Record<string, { sensitive?: boolean; default?: unknown }>;
  const own = Object.keys(variables).filter((name) => /_\d+$/.test(name));
  const secrets = ["proxmox_password", "proxmox_api_token", "proxmox_ssh_private_key", "git_token", "webhook_secret"];
  expect(own.length).toBeGreaterThanOrEqual(4);
  for (const name of [...secrets, ...own]) {
    expect([name, variables[name]?.sensitive]).toEqual([name, true]);
    expect(variables[name]?.default ?? "").toBe("");
  }
});

test("fails when the value of a variable in the environment reaches the JSON", () => {
  const names = ["git_token", "webhook_secret", "proxmox_password", "mine"].map((name) => `TF_VAR_${name}`);
  for (const name of names) process.env[name] = CANARY;
  try {
    const json = synthJson((app) => {
      const stack = new TerraformStack(app, "dev");
      LocalStateBackend.relative(stack);
      const vars = new NexusVariables(stack);
      vars.provider();
      const mine = new TerraformVariable(stack, "mine", { sensitive: true });
      new NexusVmPull(stack, "vm", {
        name: "vm",
        nodeName: vars.proxmoxNode,
        templateVmId: vars.templateVmId,
        source: Git.https(vars.ansibleRepoUrl, { token: vars.gitToken }),
        vaultPassword: mine.stringValue,
        receiver: new Receiver(stack, "receiver", { webhookUrl: vars.webhookUrl, secret: vars.webhookSecret }),
      });
      return stack;
    });
    expect(JSON.stringify(json)).not.toContain(CANARY);
    expect(JSON.stringify(json)).toContain("var.mine");
  } finally {
    for (const name of names) delete process.env[name];
  }
});
