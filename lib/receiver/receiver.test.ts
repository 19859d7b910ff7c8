import { NullProvider } from "@cdktf/provider-null/lib/provider";
import { App, TerraformResource, TerraformStack, TerraformVariable, Testing } from "cdktf";
import { Construct } from "constructs";
import { Receiver, type ReceiverProps, type VmAnnouncement } from ".";

interface Made {
  readonly stack: TerraformStack;
  readonly receiver: Receiver;
  readonly vm: (name: string, options?: Partial<VmAnnouncement>) => TerraformResource;
  readonly json: () => Json;
}

// Whatever the JSON holds; asserts name what they look at.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = Record<string, Record<string, Record<string, any>>>;

function make(props: Partial<ReceiverProps> = {}): Made {
  const stack = new TerraformStack(new App(), "dev");
  const url = new TerraformVariable(stack, "webhook_url", { default: "" });
  const secret = new TerraformVariable(stack, "webhook_secret", { default: "", sensitive: true });
  const given = { webhookUrl: url.stringValue, secret: secret.stringValue, ...props };
  const receiver = new Receiver(stack, "receiver", given);
  const vm: Made["vm"] = (name, options) => {
    const scope = new Construct(stack, `scope-${stack.node.children.length}`);
    const { agent, dependsOn, key } = receiver.register({ name, instanceId: `iid-${name}`, ref: "main" });
    const resource = new TerraformResource(scope, "vm", { terraformResourceType: "terraform_data", dependsOn });
    resource.addOverride("input", { agent, key });
    receiver.announce(scope, { name, vm: resource, ...options });
    return resource;
  };
  return { stack, receiver, vm, json: () => JSON.parse(Testing.synth(stack, true)) as Json };
}

const one = (of: Json | undefined, kind: string, prefix: string): Record<string, unknown> => {
  const found = Object.entries(of?.[kind] ?? {}).filter(([id]) => id.startsWith(prefix));
  expect(found).toHaveLength(1);
  return found[0]?.[1] as Record<string, unknown>;
};

describe("Receiver", () => {
  it("fails when a variable's address makes a resource without a count, or a literal one with", () => {
    const counts = (made: Made): unknown[] => {
      made.vm("a", { waitForConfigured: true });
      const { null_resource, terraform_data } = made.json().resource ?? {};
      return Object.entries({ ...null_resource, ...terraform_data })
        .filter(([id]) => id.includes("receiver"))
        .map(([, resource]) => (resource as { count?: string }).count);
    };
    const counted = counts(make());
    expect(counted).toHaveLength(5);
    for (const count of counted) expect(count).toMatch(/^\$\{local\.receiver_url_\w+ == "" \? 0 : 1\}$/);
    expect(counts(make({ webhookUrl: "https://r.example/webhook" }))).toEqual(Array(5).fill(undefined));
  });

  it("fails when logical ids change", () => {
    const made = make();
    made.vm("a", { waitForConfigured: true });
    const { null_resource, terraform_data } = made.json().resource ?? {};
    expect(Object.keys({ ...null_resource, ...terraform_data }).sort()).toEqual([
      "receiver_roster-end_50E819C2",
      "receiver_roster_958966FD",
      "scope-3_receiver_machine_C05B804D",
      "scope-3_receiver_release_AE036EB1",
      "scope-3_receiver_wait_0E0702CB",
      "scope-3_vm_89D49B3A",
    ]);
  });

  it("fails when a VM waits although nobody asked, or its own word does not count", () => {
    const waits = (props: Partial<ReceiverProps>, own?: boolean): number => {
      const made = make(props);
      made.vm("a", { waitForConfigured: own });
      return Object.keys(made.json().resource?.null_resource ?? {}).filter((id) => id.includes("wait")).length;
    };
    expect([
      waits({}),
      waits({}, true),
      waits({ waitForConfigured: true }),
      waits({ waitForConfigured: true }, false),
    ]).toEqual([0, 1, 1, 0]);
  });

  it("fails when the VM's id is taken before a user overrides the logical id", () => {
    const made = make();
    made.vm("a").overrideLogicalId("mine");
    const machine = one(made.json().resource as unknown as Json, "null_resource", "scope-3_receiver_machine");
    expect(machine.lifecycle).toEqual({ replace_triggered_by: ["terraform_data.mine.id"] });
  });

  it("fails when text of the user's can become an expression, or a token loses its meaning", () => {
    const made = make({ fleet: 'f-${x}%{y}"q' });
    const ref = new TerraformVariable(made.stack, "ref", { type: "string" });
    made.receiver.register({ name: "a", instanceId: "i", ref: "${evil}%{if}" });
    made.receiver.register({ name: "b", instanceId: "i", ref: `release-${ref.stringValue}` });
    const text = Testing.synth(made.stack, false);
    expect(text).toContain('"ref": "$${evil}%%{if}"');
    expect(text).toContain('"ref": "release-${var.ref}"');
    expect(text).toContain(String.raw`[\"roster\", \"f-$${"$"}{x}%%{y}\\\"q\", self.id`);
  });

  it("fails when the scripts weigh on each VM more than once", () => {
    const size = (count: number): number => {
      const made = make();
      for (let i = 0; i < count; i++) made.vm(`vm-${i}`);
      return JSON.stringify(made.json()).length;
    };
    expect((size(60) - size(10)) / 50).toBeLessThan(7_000);
  });

  it("fails when a null provider is doubled or missing", () => {
    const providers = (made: Made): unknown => made.json().provider?.null;
    expect(providers(make())).toEqual([{}]);
    const own = make();
    new NullProvider(own.stack, "mine");
    expect(providers(own)).toEqual([{}]);
    const aliased = make();
    new NullProvider(aliased.stack, "other", { alias: "other" });
    expect(providers(aliased)).toHaveLength(2);
  });

  it("fails when a stack without VMs does not synthesize", () => {
    expect(one(make().json() as unknown as Json, "locals", "receiver_expected")).toEqual([]);
  });
});

describe("findings of Receiver", () => {
  const cases: [string, Partial<ReceiverProps>, string][] = [
    ["an address without /webhook", { webhookUrl: "https://r.example/" }, "receiver_url_invalid: webhookUrl"],
    ["an empty literal", { webhookUrl: "" }, "receiver_url_invalid: webhookUrl"],
    ["a password in it", { webhookUrl: "https://u:hunter2@r.example/webhook" }, "receiver_url_invalid: webhookUrl"],
    ["a literal secret", { secret: "hunter2" }, "secret_literal: secret: got a literal"],
    ["a fleet with a slash", { fleet: "a/b" }, "fleet_invalid: fleet"],
    ["a deadline without unit", { overdueAfter: "30" }, "duration_invalid: overdueAfter"],
    ["a deadline of 8 days", { overdueAfter: "8d" }, "duration_invalid: overdueAfter"],
    ["a heartbeat of 2 days", { heartbeatInterval: "2d" }, "duration_invalid: heartbeatInterval"],
    ["a wait of 2 days", { waitForConfigured: { timeout: "2d" } }, "duration_invalid: waitForConfigured.timeout"],
    ["a path as a certificate", { caCertificate: "/etc/ca.pem" }, "certificate_invalid: caCertificate"],
  ];
  it.each(cases)("fails when %s synthesizes", (_, props, message) => {
    const made = make(props);
    expect(() => made.json()).toThrow(message);
    expect(() => made.json()).not.toThrow("hunter2");
  });

  it("fails when a name is used twice, or a fleet", () => {
    const made = make();
    made.vm("a");
    made.vm("a");
    expect(() => made.json()).toThrow('[dev/receiver] vm_name_duplicate: name: got "a"');
    const twice = make();
    const secret = new TerraformVariable(twice.stack, "other", { sensitive: true });
    new Receiver(twice.stack, "second", { webhookUrl: "https://r.example/webhook", secret: secret.stringValue });
    expect(() => twice.json()).toThrow("[dev/second] fleet_duplicate: fleet");
  });

  it("fails when a VM of another stack is announced", () => {
    const made = make();
    const other = new TerraformStack(made.stack.node.root as App, "other");
    const vm = new TerraformResource(other, "vm", { terraformResourceType: "terraform_data" });
    made.receiver.announce(other, { name: "a", vm });
    expect(() => made.json()).toThrow("[other] receiver_foreign_stack");
  });
});
