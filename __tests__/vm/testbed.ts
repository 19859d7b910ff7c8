// What every case shares: the image, the two services, a repository with one playbook, and how to look at a machine.
import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { createValidator, errorsOf } from "@nexus-pull/contract/test-support";
import { Place, ReceiverProcess } from "../../lab/services/receiver-process";
import { REPOSITORY } from "../../lab/host/tools";
import { accelerator, type Accelerator } from "../../lab/machine/accelerator";
import { HOST, Machine, type SeedTexts } from "../../lab/machine/machine";
import { PLAYBOOK, WRONG_PLAYBOOK } from "./playbooks";
import { planSeeds, SECRET, type VmProps } from "../../lab/machine/seeds";
import { GitServer } from "../../lab/services/git-server";
import { Recorder, type Delivery } from "../../lab/services/recorder";

/** All cases, one after the other, on a slow machine. */
const RECEIVER_LIMIT_MS = 3_600_000;
/** To the first event; to the end of the first run. */
const FIRST_EVENT_MS = 480_000;
const RUN_MS = 480_000;
const LOOK_MS = 2_000;

export class Testbed {
  /** The commit that machines must run: the tip of main. */
  public readonly commit: string;
  private readonly machines: Machine[] = [];
  private readonly validator = createValidator();

  private constructor(
    private readonly image: string,
    private readonly processor: Accelerator,
    public readonly git: GitServer,
    public readonly recorder: Recorder,
    /** Stands behind the recorder. */
    public readonly receiver: ReceiverProcess,
    private readonly place: Place,
  ) {
    git.commit("main", { "site.yml": WRONG_PLAYBOOK });
    this.commit = git.commit("main", { "site.yml": PLAYBOOK });
    // What the server offers first is not what is asked for.
    git.commit("other", { "site.yml": WRONG_PLAYBOOK });
  }

  public static async open(): Promise<Testbed> {
    requirePrograms();
    const image = imageFolder();
    const processor = await accelerator(image);
    const place = new Place();
    const receiver = await ReceiverProcess.start(place, 0, { NEXUS_PULL_SECRET: SECRET }, RECEIVER_LIMIT_MS);
    const recorder = await new Recorder(SECRET, receiver.base).start();
    return new Testbed(image, processor, await new GitServer().start(), recorder, receiver, place);
  }

  public async close(): Promise<void> {
    await Promise.all(this.machines.map((machine) => machine.kill()));
    await Promise.all([this.git.stop(), this.recorder.stop(), this.receiver.end()]);
    this.place.remove();
  }

  /** How the machines' processor is had. */
  public get processorName(): string {
    return this.processor.name;
  }

  public get home(): string {
    return `http://${HOST}:${this.recorder.port}/home`;
  }

  /** The seed of one machine, from a real plan. */
  public async seed(name: string, props: VmProps, ref?: string): Promise<SeedTexts> {
    const addresses = { gitPort: this.git.port, receiverPort: this.recorder.port };
    return (await planSeeds({ [name]: props }, addresses, ref))[name] as SeedTexts;
  }

  public machine(name: string): Machine {
    const ports = [this.git.port, this.recorder.port];
    const machine = new Machine(name, { image: this.image, accelerator: this.processor, ports });
    this.machines.push(machine);
    return machine;
  }

  /** What the machine has said to the receiver, all signed well and all by the contract. */
  public deliveries(vm: string): Delivery[] {
    const found = this.recorder.deliveries.filter(({ event }) => event.data.vm === vm);
    for (const { event, problem } of found) {
      assert.equal(problem, "", "signature");
      assert.deepEqual(errorsOf(this.validator, EVENT_SCHEMA, event), []);
    }
    return found;
  }

  public accepted(vm: string): Delivery[] {
    return this.deliveries(vm).filter(({ status }) => status < 300);
  }

  /** Waits for the nth vm.booted that the receiver takes; returns it and the seconds since the machine was switched on. */
  public async event(
    machine: Machine,
    vm: string,
    nth: number,
  ): Promise<{ event: Delivery["event"]; seconds: number }> {
    const taken = (): Delivery[] => this.accepted(vm).filter(({ event }) => event.type === "io.nexus-pull.vm.booted");
    await machine.until(`boot ${nth} of ${vm}`, () => taken().length >= nth, FIRST_EVENT_MS);
    const { event } = taken()[nth - 1] as Delivery;
    return { event, seconds: machine.seconds };
  }

  /** Waits until the receiver has so many events of a type. */
  public async told(machine: Machine, vm: string, type: string, count: number): Promise<readonly Delivery["event"][]> {
    const events = (): Delivery["event"][] =>
      this.accepted(vm)
        .map(({ event }) => event)
        .filter((event) => event.type === `io.nexus-pull.${type}`);
    await machine.until(`${count} ${type} of ${vm}`, () => events().length >= count, RUN_MS);
    return events();
  }

  /** Waits until the nth run has ended; returns what its playbook said and the seconds. */
  public async run(
    machine: Machine,
    vm: string,
    nth: number,
  ): Promise<{ call: Record<string, unknown>; seconds: number }> {
    const calls = (): Record<string, unknown>[] => this.recorder.calls.filter((call) => call.vm === vm);
    const failed = /nexus-pull: run (?:failed|refused|interrupted).*/;
    await machine.until(
      `run ${nth} of ${vm}`,
      () => {
        const said = failed.exec(machine.console())?.[0];
        if (said !== undefined) throw new Error(said);
        return calls().length >= nth;
      },
      RUN_MS,
    );
    await machine.until(
      "the end of the run",
      async () => {
        const { output } = await machine.shell("systemctl show --property=ActiveState nexus-pull.service");
        if (output.includes("ActiveState=inactive") || output.includes("ActiveState=failed")) return true;
        await new Promise((next) => setTimeout(next, LOOK_MS));
        return false;
      },
      RUN_MS,
    );
    assert.equal(calls().length, nth, "one run a boot");
    return { call: calls()[nth - 1] as Record<string, unknown>, seconds: machine.seconds };
  }
}

const EVENT_SCHEMA = "event.schema.json";

/** The generation that a machine with this seed adopts. */
export function generationOf({ userData }: SeedTexts): string {
  const base64 = /<<'NEXUS_PULL_SEED'\n *(\S+)\n/.exec(userData)?.[1] ?? "";
  const seed = JSON.parse(Buffer.from(base64, "base64").toString("utf8")) as { config: { generation: string } };
  return seed.config.generation;
}

/** What a run needs besides the image, by the Debian package that has it. */
const PROGRAMS = {
  "qemu-system-x86_64": "qemu-system-x86",
  "qemu-img": "qemu-utils",
  genisoimage: "genisoimage",
  socat: "socat",
  git: "git",
} as const;

function requirePrograms(): void {
  const there = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
  const lack = Object.entries(PROGRAMS).filter(([program]) => !there(program));
  if (lack.length === 0) return;
  const packages = lack.map(([, name]) => name).join(" ");
  throw new Error(`not there: ${lack.map(([program]) => program).join(", ")}; apt-get install ${packages}`);
}

function imageFolder(): string {
  const look = spawnSync("bash", ["tools/vm-image.sh", "--print"], {
    cwd: REPOSITORY,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const folder = /^NEXUS_PULL_VM_IMAGE=(.+)$/m.exec(look.stdout)?.[1];
  if (look.status !== 0 || folder === undefined) throw new Error("there is no image: see tools/vm-image.sh --help");
  return folder;
}

/** What would show a boot that went wrong in a way that no single check looks for. */
export async function expectSoundBoot(machine: Machine): Promise<void> {
  const { output } = await machine.shell(
    "journalctl --boot --no-pager --output=cat | grep -iE 'ordering cycle|deleted to break|breaking.*cycle'",
  );
  assert.equal(output, "", "ordering cycles");
  assert.equal(await machine.read("systemctl --failed --plain --no-legend"), "", "failed units");
  assert.match(machine.console(), / login: /, "a login prompt on the console");
}

/** Properties of units in microseconds since the machine's start. */
export async function microseconds(machine: Machine, unit: string, property: string): Promise<number> {
  const text = await machine.read(`systemctl show --value --property=${property}Monotonic ${unit}`);
  return Number(text.trim());
}

/** Keeps what tells why, next to the serial logs. Returns the folder. */
export async function keepEvidence(machine: Machine): Promise<string> {
  const commands = {
    journal: "journalctl --no-pager --output=short-monotonic | tail -c 400000",
    "cloud-init": "tail -c 100000 /var/log/cloud-init.log /var/log/cloud-init-output.log",
    agent: "nexus-pull-agent status --json; cat /var/log/ansible-pull.log; systemctl list-jobs; systemctl --failed",
  };
  for (const [name, command] of Object.entries(commands)) {
    const answer = await machine.shell(command, 60_000).catch((error: unknown) => ({ output: String(error) }));
    writeFileSync(join(machine.folder, `${name}.log`), answer.output);
  }
  await machine.kill();
  return machine.folder;
}
