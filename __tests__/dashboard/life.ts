// What one VM says in its life, in its own words.
import { createHash } from "node:crypto";

type Data = Readonly<Record<string, unknown>>;

/** Something a VM says, minutes before now. */
export interface Step {
  readonly ago: number;
  readonly fleet: string;
  readonly vm: string;
  readonly type: string;
  readonly data: Data;
}

export const hex = (text: string, length: number): string =>
  createHash("sha256").update(text).digest("hex").slice(0, length);
export const OLD = hex("old", 40);
export const NEW = hex("new", 40);

export const evidence = (tasks_run: number, changed: number, failed = 0): Data => ({
  playbooks: 1,
  hosts_matched: 1,
  tasks_run,
  ok: tasks_run - failed,
  changed,
  failed,
});

/** One VM's words; its seq is given when they are said. */
export class Life {
  public readonly steps: Step[] = [];
  private runs = 0;

  public constructor(
    public readonly fleet: string,
    public readonly vm: string,
    private readonly address: string,
    private readonly random: () => number,
  ) {}

  public tell(ago: number, type: string, data: Data = {}): this {
    this.steps.push({ ago, fleet: this.fleet, vm: this.vm, type, data });
    return this;
  }

  private readonly own: Data = { agent_version: "0.1.0", ansible_version: "2.17.7" };

  public boot(ago: number): this {
    const os = { id: "debian", version: "12", kernel: "6.1.0-32-cloud-amd64" };
    return this.tell(ago, "vm.booted", { addresses: [this.address], agent_version: "0.1.0", os, first_boot: true });
  }

  public bootstrap(ago: number): this {
    const steps = ["git", "ansible_core", "collections"];
    this.tell(ago, "bootstrap.started", { deadline_s: 1800, steps });
    steps.forEach((step, i) =>
      this.tell(ago - 0.2 * (i + 1), "bootstrap.step", { step, status: "done", duration_s: 12 }),
    );
    const duration_s = 41 + Math.floor(this.random() * 20);
    return this.tell(ago - 0.9, "bootstrap.succeeded", { duration_s, ansible_version: "2.17.7", installed: steps });
  }

  /** Up to where ansible-pull works. */
  public begin(ago: number, commit: string, trigger = "timer", mode = "apply"): string {
    const run_id = `run-${hex(this.vm + this.runs, 8)}`;
    this.runs += 1;
    const source = { run_id, intended_sha: commit, policy: "ssh", signer: { principal: "release@example.com" } };
    this.tell(ago, "run.queued", { run_id, trigger });
    this.tell(ago - 0.05, "run.source.verified", source);
    this.tell(ago - 0.1, "run.started", {
      run_id,
      mode,
      intended_sha: commit,
      playbooks: ["site.yml"],
      timeout_s: 3600,
    });
    return run_id;
  }

  public succeed(ago: number, commit: string, changed: number, trigger = "timer"): this {
    const duration_s = 48 + Math.floor(this.random() * 70);
    const run_id = this.begin(ago + duration_s / 60, commit, trigger);
    const changed_tasks = CHANGED.slice(0, changed).map((task) => ({ ...task, host: "localhost" }));
    const diff_summary = {
      files: ["/etc/nginx/sites-available/app.conf"],
      lines_added: changed * 4,
      lines_removed: changed,
    };
    return this.tell(ago, "run.succeeded", {
      run_id,
      intended_sha: commit,
      applied_sha: commit,
      outcome: changed === 0 ? "unchanged" : "changed-intentional",
      duration_s,
      evidence: evidence(64, changed),
      ...(changed === 0 ? {} : { changed_tasks, diff_summary }),
    });
  }

  public fail(ago: number, commit: string, more: Data): this {
    const run_id = this.begin(ago + 0.6, commit);
    return this.tell(ago, "run.failed", { run_id, intended_sha: commit, duration_s: 36, exit_code: 2, ...more });
  }

  public beats(...agos: number[]): this {
    const beat = { addresses: [this.address], ...this.own, disk_free_mib: 14_336 + Math.floor(this.random() * 9000) };
    for (const ago of agos) this.tell(ago, "vm.heartbeat", { ...beat, spool: { events: 0, dropped: 0 } });
    return this;
  }

  public start(ago: number, commit: string): this {
    return this.boot(ago)
      .bootstrap(ago - 0.3)
      .succeed(ago - 3, commit, 9, "first_boot");
  }
}

const CHANGED = [
  { role: "nginx", task: "Deploy the virtual host", path: "roles/nginx/tasks/main.yml:31" },
  { role: "nginx", task: "Reload nginx", path: "roles/nginx/handlers/main.yml:4" },
  { role: "base", task: "Set kernel parameters", path: "roles/base/tasks/sysctl.yml:12" },
  { role: "base", task: "Install monitoring agent", path: "roles/base/tasks/agent.yml:8" },
];

export const TASK_FAILED: Data = {
  reason: "task_failed",
  message:
    'nginx : Validate the configuration (roles/nginx/tasks/main.yml:44) failed on localhost: nginx: [emerg] unknown directive "proxy_cache_valids" in /etc/nginx/sites-enabled/app.conf:18',
  outcome: "failed",
  evidence: evidence(41, 2, 1),
  failed_tasks: [
    {
      role: "nginx",
      task: "Validate the configuration",
      host: "localhost",
      path: "roles/nginx/tasks/main.yml:44",
      message: 'nginx: [emerg] unknown directive "proxy_cache_valids"',
    },
  ],
  tail: [
    "TASK [nginx : Validate the configuration] **************************************",
    'fatal: [localhost]: FAILED! => {"changed": false, "cmd": ["nginx", "-t"], "rc": 1}',
    "PLAY RECAP *********************************************************************",
    "localhost                  : ok=40   changed=2    unreachable=0    failed=1    skipped=7",
  ],
};

export const AUTH_FAILED: Data = {
  reason: "git_auth_failed",
  message: "fatal: Authentication failed for 'https://git.example.com/infra/playbooks.git/'",
  outcome: "failed",
};
