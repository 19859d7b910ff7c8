import { App, Testing, TerraformStack, TerraformVariable } from "cdktf";
import { problemsOf } from "../validation/report";
import { StateEncryption, type PassphraseEncryptionProps } from ".";

const CANARY = "canary-passphrase-of-many-letters";

function encrypted(props: (stack: TerraformStack) => PassphraseEncryptionProps): TerraformStack {
  const stack = new TerraformStack(Testing.stubVersion(new App({ stackTraces: false })), "dev");
  StateEncryption.pbkdf2(stack, props(stack));
  return stack;
}

function passphrase(stack: TerraformStack): string {
  return new TerraformVariable(stack, "state_passphrase", { type: "string", sensitive: true }).stringValue;
}

function block(stack: TerraformStack): unknown {
  return (JSON.parse(Testing.synth(stack)) as { terraform: { encryption?: unknown } }).terraform.encryption;
}

describe("StateEncryption.pbkdf2", () => {
  it("encrypts state and plan, and forbids clear text", () => {
    const stack = encrypted((scope) => ({ passphrase: passphrase(scope) }));
    expect(block(stack)).toEqual({
      key_provider: { pbkdf2: { nexus_pull: { passphrase: "${var.state_passphrase}" } } },
      method: { aes_gcm: { nexus_pull: { keys: "${key_provider.pbkdf2.nexus_pull}" } } },
      state: { method: "method.aes_gcm.nexus_pull", enforced: true },
      plan: { method: "method.aes_gcm.nexus_pull", enforced: true },
    });
    expect(problemsOf(stack)).toEqual([]);
  });

  it("can leave clear text allowed, and take a clear-text state over", () => {
    expect(block(encrypted((scope) => ({ passphrase: passphrase(scope), enforced: false })))).toMatchObject({
      state: { method: "method.aes_gcm.nexus_pull" },
    });
    const takeOver = encrypted((scope) => ({ passphrase: passphrase(scope), takeOverClearText: true }));
    expect(block(takeOver)).toMatchObject({
      method: { unencrypted: { take_over: {} } },
      state: { method: "method.aes_gcm.nexus_pull", fallback: { method: "method.unencrypted.take_over" } },
      plan: { method: "method.aes_gcm.nexus_pull" },
    });
    expect(JSON.stringify(block(takeOver))).not.toContain("enforced");
  });

  it("takes a reference by name", () => {
    expect(problemsOf(encrypted(() => ({ passphrase: "${var.state_passphrase}" })))).toEqual([]);
  });

  it.each([
    ["a literal", () => CANARY],
    ["text beside a reference", (stack: TerraformStack) => `${CANARY}${passphrase(stack)}`],
    ["an expression", () => `\${var.a}${CANARY}`],
    ["nothing", () => undefined as unknown as string],
  ])("fails when the passphrase is %s, and shows it nowhere", (_, value) => {
    const stack = encrypted((scope) => ({ passphrase: value(scope) }));
    expect(problemsOf(stack).map(({ code }) => code)).toEqual(["secret_literal"]);
    expect(JSON.stringify(problemsOf(stack)) + Testing.synth(stack)).not.toContain(CANARY);
    expect(() => Testing.synth(stack, true)).toThrow("secret_literal");
  });

  it("fails when clear text is forbidden and taken over at once", () => {
    const both = encrypted((scope) => ({ passphrase: passphrase(scope), enforced: true, takeOverClearText: true }));
    expect(problemsOf(both).map(({ code, prop }) => `${code} ${prop}`)).toEqual(["encryption_invalid enforced"]);
  });
});
