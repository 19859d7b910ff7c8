// Tasks: workers with a UPID, a log and an end.
import type { Clock } from "./clock";
import { sleep } from "./clock";
import { badParameters, textOf } from "./errors";
import type { Faults } from "./faults";

/** How long each type of task works, in milliseconds. */
export type Durations = Readonly<Record<string, number>>;

/** What a worker has to do with. */
export interface TaskContext {
  log(line: string): void;
  /** The work itself: takes the task's duration, and fails if a fault says so. */
  work(): Promise<void>;
}

/** A task, running or ended. */
export interface Task {
  readonly upid: string;
  readonly node: string;
  readonly pid: number;
  readonly pstart: number;
  readonly starttime: number;
  readonly type: string;
  readonly id: string;
  readonly user: string;
  readonly tokenid?: string;
  readonly lines: string[];
  exitstatus?: string;
  endtime?: number;
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, "0");
}

/** All tasks of the cluster. */
export class Tasks {
  private readonly all = new Map<string, Task>();
  private readonly running = new Set<Promise<void>>();
  private pid = 0x100;
  private readonly booted: number;

  public constructor(
    private readonly clock: Clock,
    private readonly faults: Faults,
    private readonly durations: Durations,
  ) {
    this.booted = clock.now() - 3_600_000;
  }

  /** Starts a worker and answers its UPID at once. */
  public start(
    node: string,
    type: string,
    id: string,
    user: string,
    worker: (context: TaskContext) => Promise<void>,
  ): string {
    const task = this.create(node, type, id, user);
    this.all.set(task.upid, task);
    const done = this.run(task, worker).finally(() => this.running.delete(done));
    this.running.add(done);
    return task.upid;
  }

  /** Resolves when no task runs any more. */
  public async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  /** Another pid, as the next process gets. */
  public nextPid(): number {
    this.pid += 3;
    return this.pid;
  }

  /** @throws PveError - 400: no UPID, or no such task */
  public get(upid: string): Task {
    if (!/^UPID:[^:]+:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:[^:]+:[^:]*:[^:]+:$/.test(upid))
      throw badParameters({ upid: "unable to parse worker upid" });
    const task = this.all.get(upid);
    if (task === undefined) throw badParameters({ upid: "no such task" });
    return task;
  }

  /** Tasks of a node, newest first. */
  public list(node: string): Task[] {
    return [...this.all.values()].filter((task) => task.node === node).reverse();
  }

  private create(node: string, type: string, id: string, user: string): Task {
    const now = this.clock.now();
    const pid = this.nextPid();
    const pstart = Math.floor((now - this.booted) / 10);
    const starttime = Math.floor(now / 1000);
    const [name = user, tokenid] = user.split("!");
    const upid = `UPID:${node}:${hex(pid)}:${hex(pstart)}:${hex(starttime)}:${type}:${id}:${user}:`;
    const token = tokenid === undefined ? {} : { tokenid };
    return { upid, node, pid, pstart, starttime, type, id, user: name, lines: [], ...token };
  }

  private async run(task: Task, worker: (context: TaskContext) => Promise<void>): Promise<void> {
    const context: TaskContext = {
      log: (line) => task.lines.push(line),
      work: () => this.work(task),
    };
    let end = "OK";
    try {
      await worker(context);
    } catch (error) {
      end = textOf(error);
    }
    task.lines.push(end === "OK" ? "TASK OK" : `TASK ERROR: ${end}`);
    task.endtime = Math.floor(this.clock.now() / 1000);
    task.exitstatus = end;
  }

  private async work({ type, id }: Task): Promise<void> {
    const slow = this.faults.take(["slow-task"], `${type}:${id}`);
    await sleep(this.clock, (this.durations[type] ?? this.durations["*"] ?? 0) + (slow?.ms ?? 0));
    const failure = this.faults.take(["failed-task"], `${type}:${id}`);
    if (failure !== undefined) throw new Error(failure.text);
  }
}

/** GET tasks/{upid}/status. */
export function taskStatus(task: Task): Record<string, unknown> {
  const { lines, exitstatus, endtime, ...rest } = task;
  void lines;
  void endtime;
  return exitstatus === undefined ? { ...rest, status: "running" } : { ...rest, status: "stopped", exitstatus };
}

/** An entry of GET nodes/{node}/tasks. */
export function taskEntry(task: Task): Record<string, unknown> {
  const { lines, exitstatus, endtime, ...rest } = task;
  void lines;
  return exitstatus === undefined
    ? { ...rest, status: "RUNNING", saved: "0" }
    : { ...rest, status: exitstatus, endtime };
}
