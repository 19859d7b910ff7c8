// The agent on Debian 13, with its Python, its systemd, its apt and its ansible-core, none of which is this machine's; and on a
// machine that has dnf as RHEL 9 does. On another one:
// NEXUS_PULL_DISTRO_ROOT=$(tools/distro-root.sh --suite=noble --print | cut -d= -f2)
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Place, ReceiverProcess, SECRET } from "../../lab/services/receiver-process";
import { tool, type ToolName } from "../../lab/host/tools";
import { describeWith } from "../support/suites";
import { type FirstBoot, firstBoot, FLEET, VM } from "./distribution";

interface Distribution {
  readonly root: ToolName;
  /** What `ansible.builtin.package` is to use there, and a package for it. */
  readonly manager: string;
  readonly name: string;
  /** How the manager says that it has installed ansible-core. */
  readonly installed: RegExp;
}

const DISTRIBUTIONS: readonly Distribution[] = [
  // ansible's module needs what Debian's minimal image has not: python3-apt.
  { root: "distro-root", manager: "apt", name: "gnupg", installed: /apt-get: Setting up ansible-core \(2\./ },
  { root: "dnf-root", manager: "dnf", name: "git", installed: /dnf: +Installing +: ansible-core-2\./ },
];

// The kinds of tasks that people write first.
const playbook = ({ manager, name }: Distribution): string => `- hosts: all
  tasks:
    - name: Which system
      ansible.builtin.debug:
        msg: "{{ ansible_distribution }} {{ ansible_distribution_major_version }}, Python {{ ansible_python_version }}"
    - name: Install a package
      ansible.builtin.package:
        name: ${name}
        use: ${manager}
    - name: Write a unit
      ansible.builtin.copy:
        content: "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n"
        dest: /etc/systemd/system/mine.service
        mode: "0644"
    - name: Start it
      ansible.builtin.systemd:
        name: mine.service
        state: started
        daemon_reload: true
`;
const BOOT_MS = 1_000_000;

describe.each(DISTRIBUTIONS)("where $manager is", (distribution) => {
  describeWith([distribution.root], "a first boot of a machine without git and ansible", () => suite(distribution));
});

function suite(distribution: Distribution): void {
  const root = distribution.root;
  const place = new Place();
  let receiver: ReceiverProcess;
  let boot: FirstBoot;

  beforeAll(async () => {
    receiver = await ReceiverProcess.start(place, 0, { NEXUS_PULL_SECRET: SECRET }, BOOT_MS + 60_000);
    boot = await firstBoot(tool(root), {
      receiver: receiver.base,
      secret: SECRET,
      playbook: playbook(distribution),
    });
  }, BOOT_MS);
  afterAll(async () => {
    await receiver.end();
    place.remove();
  });

  /** Types and what matters of them, as the receiver wrote them down. */
  const events = (): string[] =>
    [...readFileSync(place.log, "utf8").matchAll(/#\d+ \S+ (\S+) -> (?:.*?(?:step|outcome)=(\S+)(?: status=(\S+))?)?/g)]
      .map(([, ...words]) => words.filter(Boolean).join(" "))
      .filter((text) => text !== "vm.booted" && text !== "run.progress");

  it("is Configured, with every step in the receiver's log, and is not installed a second time", async () => {
    const answer = await fetch(`${receiver.base}/fleets/${FLEET}/vms/${VM}/wait?timeout_s=1`);
    if (answer.status !== 200) throw new Error(`${await answer.text()}\n${boot.all}`);
    const run = ["run.queued", "run.source.verified", "run.started"];
    expect(events()).toEqual([
      "bootstrap.started",
      "bootstrap.step agent skipped",
      "bootstrap.step git started",
      "bootstrap.step git done",
      "bootstrap.step ansible started",
      "bootstrap.step ansible done",
      "bootstrap.succeeded",
      ...run,
      "run.succeeded changed-intentional",
      ...run,
      "run.succeeded unchanged",
    ]);
  });

  it("has units that its systemd takes as they are, and a status without complaint", () => {
    const said = boot.said
      .split("\n")
      .filter((line) => /^(adopted|first run|second run|status|failed units): /.test(line));
    expect(said).toEqual(["adopted: 0", "first run: 0", "second run: 0", "status: 0", "failed units: end"]);
    expect(boot.said).not.toMatch(/\bloaded failed\b/);
    expect(boot.status).toMatchObject({ alarms: [], last_run: { outcome: "unchanged" } });
    expect(boot.journal.split("\n").filter((line) => /nexus-pull[^ ]*\.(service|timer|path):\d+: /.test(line))).toEqual(
      [],
    );
  });

  it("had its own packages and its own Python, not this machine's", () => {
    const release = readFileSync(join(tool(root), "etc/os-release"), "utf8");
    const [, name] = /^NAME="(\w+)/m.exec(release) ?? [];
    const [, major] = /^VERSION_ID="(\d+)/m.exec(release) ?? [];
    const python = readdirSync(join(tool(root), "usr/bin")).find((program) => /^python3\.\d+$/.test(program));
    const own = `${name} ${major}, ${python?.replace("python", "Python ")}`;
    expect(boot.ansibleLog).toContain("bootstrap succeeded: installed git, ansible-core");
    expect(boot.ansibleLog).toMatch(distribution.installed);
    expect(boot.ansibleLog).toContain(`"msg": "${own}.`);
  });
}
