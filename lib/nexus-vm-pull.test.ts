import { App, TerraformStack, TerraformVariable, Testing } from "cdktf";
import { Construct } from "constructs";
import {
  ChangePolicy,
  Git,
  LocalStateBackend,
  NexusPullError,
  NexusVariables,
  NexusVmPull,
  type NexusVmPullProps,
  Receiver,
  warningsOf,
} from ".";

interface Synthesized {
  resource: Record<string, Record<string, Record<string, unknown>>>;
  locals: Record<string, unknown>;
  variable: Record<string, Record<string, unknown>>;
  provider: Record<string, Record<string, unknown>[]>;
}

const REQUIRED: NexusVmPullProps = {
  name: "nexus-01",
  nodeName: "pve",
  templateVmId: 9000,
  source: Git.https("https://git.example/ops/ansible.git"),
};

function newStack(id = "dev", app = Testing.app()): TerraformStack {
  const stack = new TerraformStack(app, id);
  LocalStateBackend.relative(stack);
  new NexusVariables(stack).provider();
  return stack;
}

function synth(stack: TerraformStack): Synthesized {
  return JSON.parse(Testing.synth(stack, true)) as Synthesized;
}

function vmOf(json: Synthesized): Record<string, unknown> {
  return Object.values(json.resource.proxmox_virtual_environment_vm ?? {})[0] ?? {};
}

function synthVm(props: Partial<NexusVmPullProps> = {}): Record<string, unknown> {
  const stack = newStack();
  new NexusVmPull(stack, "nexus", { ...REQUIRED, ...props });
  return vmOf(synth(stack));
}

describe("the VM resource", () => {
  test("waits for nothing in the guest and never restarts a running VM unasked", () => {
    expect(synthVm()).toMatchObject({
      agent: { enabled: true, wait_for_ip: { disabled: true } },
      started: true,
      reboot: false,
      reboot_after_update: false,
      stop_on_destroy: true,
      lifecycle: { ignore_changes: ["clone", "vm_id", "node_name"] },
    });
  });

  test("names its snippets by literals that stay, and depends on the files", () => {
    const vm = synthVm();
    expect(vm.initialization).toMatchObject({
      user_data_file_id: "local:snippets/nexus-pull-dev-nexus-01-user-data.yaml",
      meta_data_file_id: "local:snippets/nexus-pull-dev-nexus-01-meta-data.yaml",
    });
    expect(vm.depends_on).toHaveLength(2);
  });

  test("is replaced by an edited seed only when the policy says so", () => {
    const vm = synthVm({ changePolicy: ChangePolicy.replaceVm() });
    expect(JSON.stringify(vm.initialization)).toMatch(/\$\{proxmox_virtual_environment_file\.[^}]+\.id\}/);
    expect(vm.lifecycle).toMatchObject({ ignore_changes: ["node_name"] });
  });

  test("is moved back to its node only when that is asked for, and its files go with it only then", () => {
    const placed = (props: Partial<NexusVmPullProps>) => {
      const stack = newStack();
      new NexusVmPull(stack, "nexus", { ...REQUIRED, ...props });
      const { resource } = synth(stack);
      return Object.values(resource)
        .flatMap((named) => Object.values(named))
        .map(
          ({ lifecycle }) =>
            (lifecycle as { ignore_changes?: string[] }).ignore_changes?.includes("node_name") ?? false,
        );
    };
    expect(placed({})).toEqual([true, true, true]);
    expect(placed({ placement: "nodeName" })).toEqual([false, false, false]);
  });

  test("has the flags of its disks as they are asked for, and warns where the template's are lost", () => {
    const stack = newStack();
    const flags = {
      iothread: true,
      ssd: true,
      cache: "writeback",
      backup: false,
      aio: "native",
      replicate: false,
    } as const;
    const speed = { readMBps: 100, writeIops: 500 };
    const dataDisks = [
      { sizeGiB: 5, ...flags },
      { sizeGiB: 7, interface: "virtio1", ...flags, speed },
    ];
    new NexusVmPull(stack, "nexus", { ...REQUIRED, diskGiB: 60, bootDisk: flags, dataDisks });
    const { disk } = vmOf(synth(stack)) as { disk: object[] };
    expect(disk).toMatchObject([
      { interface: "scsi0", ...flags },
      { interface: "scsi1", ...flags },
      { interface: "virtio1", ...flags, ssd: false, speed: { read: 100, iops_write: 500 } },
    ]);
    expect(warningsOf(stack).join()).not.toContain("template_flags_lost");
    new NexusVmPull(stack, "other", { ...REQUIRED, name: "b", diskGiB: 60 });
    expect(warningsOf(stack).join()).toContain("template_flags_lost: diskGiB");
  });

  test("drops line breaks at the end of a description, as Proxmox does", () => {
    expect(synthVm({ description: "line\n\n" }).description).toBe("line");
  });

  test("is known as one, also beside another copy of the module", () => {
    const nexus = new NexusVmPull(newStack(), "nexus", REQUIRED);
    expect(NexusVmPull.isNexusVmPull(nexus)).toBe(true);
    expect([nexus.vm, undefined, "nexus", {}].some(NexusVmPull.isNexusVmPull)).toBe(false);
  });

  test("has every key of a network device, with null for what is unset", () => {
    const [device] = synthVm().network_device as Record<string, unknown>[];
    expect(Object.keys(device ?? {}).sort()).toEqual(
      "bridge disconnected enabled firewall mac_address model mtu queues rate_limit trunks vlan_id".split(" "),
    );
    expect(device).toMatchObject({ bridge: "vmbr0", model: "virtio", mac_address: null, vlan_id: null });
  });

  test("sends tags in lower case, sorted and once", () => {
    expect(synthVm({ tags: ["Web", "db", "web"] }).tags).toEqual(["db", "web"]);
  });

  test("declares the boot disk only when its size is asked for", () => {
    expect(synthVm().disk).toBeUndefined();
    expect(synthVm({ diskGiB: 60, dataDisks: [{ sizeGiB: 5 }] }).disk).toMatchObject([
      { interface: "scsi0", size: 60 },
      { interface: "scsi1", size: 5 },
    ]);
  });

  test("keeps a description literal, whatever it looks like", () => {
    expect(synthVm({ description: "a ${b} %{c}" }).description).toBe("a $${b} %%{c}");
  });

  test("asks for IPv6 alone when only that is given", () => {
    const vm = synthVm({ network: [{ bridge: "vmbr0", address6: "auto" }] });
    expect(vm.initialization).toMatchObject({ ip_config: [{ ipv6: { address: "auto" } }] });
    expect(JSON.stringify(vm.initialization)).not.toContain("ipv4");
  });

  test("dispatches its clone once, whatever is asked, since a retry takes another VM for its own", () => {
    const stack = newStack();
    new NexusVmPull(stack, "nexus", { ...REQUIRED, cloneRetries: 5 });
    expect(vmOf(synth(stack)).clone).toMatchObject({ retries: 1 });
    expect(warningsOf(stack).join()).toContain("clone_retries_ignored: cloneRetries: got 5");
  });

  test("asks for the cluster's VMs only where an id is given, once a stack", () => {
    const stack = newStack();
    new NexusVmPull(stack, "any", REQUIRED);
    expect(synth(stack)).not.toHaveProperty("data");
    new NexusVmPull(stack, "a", { ...REQUIRED, name: "a", vmId: 200 });
    new NexusVmPull(stack, "b", { ...REQUIRED, name: "b", vmId: 201 });
    const { data } = synth(stack) as unknown as { data: Record<string, object> };
    expect(Object.values(data).map((named) => Object.keys(named))).toEqual([["nexus-pull-cluster-vms"]]);
  });

  test("is within reach of an escape hatch", () => {
    const stack = newStack();
    const nexus = new NexusVmPull(stack, "nexus", REQUIRED);
    nexus.vm.addOverride("bios", "ovmf");
    expect(vmOf(synth(stack)).bios).toBe("ovmf");
  });
});

describe("a tree with problems", () => {
  test("reports those of every VM in every stack at once, and nothing is written", () => {
    const app = new App({ outdir: Testing.app().outdir });
    for (const id of ["one", "two"]) {
      new NexusVmPull(newStack(id, app), "nexus", { ...REQUIRED, name: "Bad_Name", cores: 0 });
    }
    const error = catchError(() => app.synth());
    expect(error.match(/vm_name_invalid|number_out_of_range/g)).toHaveLength(4);
    expect(error).toContain("[two/nexus] number_out_of_range: cores: got 0, expected a whole number from 1 to 512");
  });

  test("still lets the rest of the program run", () => {
    const nexus = new NexusVmPull(newStack(), "nexus", { ...REQUIRED, source: undefined as never });
    expect(() => nexus.vm.addOverride("bios", "ovmf")).not.toThrow();
    expect(typeof nexus.macAddress).toBe("string");
  });

  test("refuses two VMs of one name in a fleet, across stacks too", () => {
    const app = Testing.app();
    new NexusVmPull(newStack("one", app), "a", { ...REQUIRED, fleet: "f" });
    new NexusVmPull(newStack("two", app), "b", { ...REQUIRED, fleet: "f" });
    expect(catchError(() => app.synth())).toMatch(/\[two\/b\] vm_name_duplicate: name: got "nexus-01", as one\/a/);
  });

  test("refuses two VMs whose fleets and names read the same when they are joined", () => {
    const stack = newStack();
    new NexusVmPull(stack, "a", { ...REQUIRED, fleet: "a-b", name: "c" });
    new NexusVmPull(stack, "b", { ...REQUIRED, fleet: "a", name: "b-c" });
    expect(catchError(() => Testing.synth(stack, true))).toContain("would be those of dev/a");
  });

  test("has what a VM overrules as a warning, by its code and for this VM alone", () => {
    const stack = newStack();
    new NexusVmPull(stack, "a", { ...REQUIRED, cores: 1000, overrule: ["number_out_of_range"] });
    expect(vmOf(synth(stack)).cpu).toMatchObject({ cores: 1000 });
    expect(warningsOf(stack).join()).toContain("number_out_of_range: cores: got 1000");
    new NexusVmPull(stack, "b", { ...REQUIRED, name: "b", cores: 1000 });
    expect(catchError(() => Testing.synth(stack, true))).toContain("[dev/b] number_out_of_range: cores: got 1000");
  });

  test("refuses to overrule what guards more than this VM", () => {
    const stack = newStack();
    const overrule = ["secret_literal"] as never;
    new NexusVmPull(stack, "a", { ...REQUIRED, vaultPassword: "hunter2", overrule });
    const message = catchError(() => Testing.synth(stack, true));
    expect(message).toContain('overrule_invalid: overrule[0]: got "secret_literal"');
    expect(message).toContain("secret_literal: vaultPassword");
  });

  test("has its findings in the JSON when nothing is validated, in a variable that no value satisfies", () => {
    const stack = newStack();
    new NexusVmPull(stack, "a", REQUIRED);
    expect(Testing.synth(stack)).not.toContain("nexus_pull_findings");
    new NexusVmPull(stack, "b", { ...REQUIRED, name: "B" });
    expect(Testing.synth(stack)).toContain("vm_name_invalid: name: got");
    expect(Testing.synth(stack)).toContain("var.nexus_pull_findings != var.nexus_pull_findings");
  });

  test("takes an address that another stack or another node's own bridge has, and warns of the latter", () => {
    const app = Testing.app();
    const network = [{ bridge: "vmbr1", address: "10.10.10.2/24" }];
    const [one, two] = [newStack("one", app), newStack("two", app)];
    new NexusVmPull(one, "a", { ...REQUIRED, name: "a", network });
    new NexusVmPull(two, "b", { ...REQUIRED, name: "b", network });
    new NexusVmPull(one, "c", { ...REQUIRED, name: "c", network, nodeName: "pve2" });
    expect(Testing.synth(two, true)).toContain("10.10.10.2/24");
    const [warning] = warningsOf(app).filter((line) => line.includes("network_shared"));
    expect(warning).toContain('got "10.10.10.2" on "pve2", as one/a');
  });

  test("refuses a secret whose variable is not sensitive, and has the seed sensitive with any secret", () => {
    const stack = newStack();
    const open = new TerraformVariable(stack, "open", { type: "string" });
    new NexusVmPull(stack, "a", { ...REQUIRED, vaultPassword: open.stringValue });
    expect(catchError(() => Testing.synth(stack, true))).toContain(
      "secret_not_sensitive: vaultPassword: got the variable open, which is not sensitive",
    );
    const marked = newStack();
    const secret = new TerraformVariable(marked, "marked", { type: "string", sensitive: true });
    new NexusVmPull(marked, "a", { ...REQUIRED, vaultPassword: secret.stringValue });
    new NexusVmPull(marked, "b", { ...REQUIRED, name: "b" });
    const files = Object.values(synth(marked).resource.proxmox_virtual_environment_file ?? {}).map(
      ({ source_raw }) => (source_raw as { data: string }).data,
    );
    expect(files.filter((data) => data.startsWith("${sensitive(join"))).toHaveLength(1);
  });

  test("refuses an address that another VM on the same bridge has", () => {
    const stack = newStack();
    const network = [{ bridge: "vmbr0", address: "192.0.2.10/24" }];
    new NexusVmPull(stack, "a", { ...REQUIRED, name: "a", network });
    new NexusVmPull(stack, "b", { ...REQUIRED, name: "b", network });
    expect(catchError(() => Testing.synth(stack, true))).toContain("network_conflict");
  });

  test("refuses a VM whose fleet is not its receiver's", () => {
    const stack = newStack();
    const secret = new TerraformVariable(stack, "secret", { sensitive: true }).stringValue;
    const receiver = new Receiver(stack, "receiver", { webhookUrl: "https://receiver.example/webhook", secret });
    new NexusVmPull(stack, "a", { ...REQUIRED, receiver, fleet: "other" });
    expect(catchError(() => Testing.synth(stack, true))).toContain(
      'fleet_mismatch: fleet: got "other" with a receiver of "dev"',
    );
  });

  test("refuses a document above Proxmox's limit", () => {
    const stack = newStack();
    const content = "x".repeat(1024 * 1024);
    new NexusVmPull(stack, "nexus", { ...REQUIRED, cloudConfig: { write_files: [{ path: "/srv/x", content }] } });
    expect(catchError(() => Testing.synth(stack, true))).toContain("seed_too_large");
  });

  test("warns about a large document, and about nothing in a plain one", () => {
    const stack = newStack();
    const content = "x".repeat(17 * 1024);
    new NexusVmPull(stack, "plain", { ...REQUIRED, name: "plain" });
    expect(warningsOf(stack)).toEqual([]);
    new NexusVmPull(stack, "nexus", { ...REQUIRED, cloudConfig: { write_files: [{ path: "/srv/x", content }] } });
    expect(warningsOf(stack)).toEqual([
      expect.stringMatching(/^warning \(1 VM\): seed_large: cloudConfig: got 1\d{4} bytes/),
    ]);
  });

  test("throws at once for a scope of another engine", () => {
    expect(() => new NexusVmPull(new Construct(undefined as never, ""), "nexus", REQUIRED)).toThrow(NexusPullError);
  });
});

describe("the synthesized JSON", () => {
  test("holds long texts once, however many VMs there are", () => {
    const stack = newStack();
    for (const name of ["a", "b", "c"]) new NexusVmPull(stack, name, { ...REQUIRED, name });
    const json = synth(stack);
    const agents = Object.values(json.locals).filter((value) => JSON.stringify(value).length > 10_000);
    expect(agents).toHaveLength(1);
  });

  test("refers to secrets by their variables only", () => {
    const stack = newStack();
    const token = new TerraformVariable(stack, "token", { sensitive: true, type: "string" }).stringValue;
    new NexusVmPull(stack, "nexus", { ...REQUIRED, source: Git.https("https://git.example/x.git", { token }) });
    const { locals } = synth(stack);
    const seed = Object.entries(locals).find(([name]) => name.includes("seed"))?.[1];
    expect(seed).toMatchObject({ secrets: { git_token: "${var.token}" } });
  });

  test("has no instance-id that a settings edit could change", () => {
    const stack = newStack();
    const nexus = new NexusVmPull(stack, "nexus", REQUIRED);
    expect(nexus.instanceId).toBe("dev-nexus-01");
  });
});

describe("NexusVariables", () => {
  test("has the original names and types, with defaults for what was not there", () => {
    const stack = new TerraformStack(Testing.app(), "dev");
    void new NexusVariables(stack).templateVmId;
    const { variable } = synth(stack);
    const required = Object.keys(variable).filter((name) => !("default" in (variable[name] ?? {})));
    expect(required.sort()).toEqual(["ansible_repo_url", "proxmox_endpoint", "proxmox_node", "template_vm_id"]);
    expect(variable.template_vm_id).toMatchObject({ type: "number" });
  });

  test("fails when a template is asked for though no VM is a clone", () => {
    const { variable } = synth(newStack());
    expect(variable.template_vm_id).toMatchObject({ default: null });
  });

  test("marks exactly the secrets as sensitive", () => {
    const { variable } = synth(newStack());
    const sensitive = Object.keys(variable).filter((name) => variable[name]?.sensitive === true);
    expect(sensitive.sort()).toEqual(
      "git_token proxmox_api_token proxmox_password proxmox_ssh_private_key webhook_secret".split(" "),
    );
  });
});

function catchError(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return String(error);
  }
  throw new Error("expected an error");
}
