// ARA's API: a run is a playbook there, with one play, the tasks that changed or failed, and the VM as its host. What the
// agent does not report (tasks that were fine, the playbooks' text) is not there, and ARA's counts come from the evidence.
import type { LogRecord } from "../../domain/log";
import { numberOf, objectOf, textOf } from "../../domain/log";
import type { Target } from "../delivery";
import type { HttpClient } from "../http";

interface Ended {
  readonly playbook: "completed" | "failed" | "expired";
}
const ENDS: Readonly<Record<string, Ended>> = {
  "run.succeeded": { playbook: "completed" },
  "drift.detected": { playbook: "completed" },
  "run.failed": { playbook: "failed" },
  // ARA's word for what began and never said how it ended.
  "run.interrupted": { playbook: "expired" },
};

interface Row {
  readonly id: number;
}
type Fields = Readonly<Record<string, unknown>>;

export interface AraOptions {
  /** Base, e.g. http://ara:8000 */
  readonly url: URL;
  readonly http: HttpClient;
  readonly headers?: Readonly<Record<string, string>>;
}

class Ara {
  public constructor(
    private readonly options: AraOptions,
    private readonly signal: AbortSignal,
  ) {}

  private async call<T>(method: "GET" | "POST" | "PATCH" | "DELETE", path: string, fields?: Fields): Promise<T> {
    const { url, http, headers } = this.options;
    const target = new URL(`${url.pathname.replace(/\/$/, "")}/api/v1/${path}`, url);
    const body = fields === undefined ? {} : { body: JSON.stringify(fields) };
    const all = { ...headers, "content-type": "application/json", accept: "application/json" };
    const text = await http.call({ method, url: target, headers: all, signal: this.signal, ...body });
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  public create(kind: string, fields: Fields): Promise<Row> {
    return this.call<Row>("POST", kind, fields);
  }
  public update(kind: string, id: number, fields: Fields): Promise<Row> {
    return this.call<Row>("PATCH", `${kind}/${id}`, fields);
  }
  public async find(kind: string, query: Readonly<Record<string, string>>): Promise<readonly Row[]> {
    const found = await this.call<{ results: readonly Row[] }>("GET", `${kind}?${new URLSearchParams(query)}`);
    return found.results;
  }
  public remove(kind: string, id: number): Promise<void> {
    return this.call<void>("DELETE", `${kind}/${id}`);
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();
const startOf = (record: LogRecord): number => record.received - 1000 * (numberOf(record.data["duration_s"]) ?? 0);
const labelOf = (record: LogRecord, runId: string): string => `${record.fleet}/${record.vm}/${runId}`.slice(0, 255);

/** The run's playbook: its label finds it again, so that an event that is sent twice makes no second one. */
async function playbookOf(ara: Ara, record: LogRecord, runId: string): Promise<number> {
  const label = labelOf(record, runId);
  const [known] = await ara.find("playbooks", { label });
  if (known !== undefined) return known.id;
  const playbooks = Array.isArray(record.data["playbooks"]) ? (record.data["playbooks"] as string[]) : [];
  const made = await ara.create("playbooks", {
    name: label,
    path: (playbooks.join(" ") || "ansible-pull").slice(0, 255),
    ansible_version: textOf(record.data["ansible_version"]) ?? "unknown",
    controller: record.vm,
    status: "running",
    started: iso(startOf(record)),
    labels: ["nexus-pull", record.fleet, label],
    arguments: { check: record.data["mode"] === "audit", commit: textOf(record.data["intended_sha"]) ?? null },
  });
  return made.id;
}

interface TaskShape {
  readonly task: string;
  readonly path?: string;
  readonly message?: string;
}
const tasksIn = (record: LogRecord, name: string): readonly TaskShape[] =>
  Array.isArray(record.data[name]) ? (record.data[name] as TaskShape[]) : [];

interface Place {
  readonly playbook: number;
  readonly play: number;
  readonly host: number;
}

async function addTask(ara: Ara, record: LogRecord, place: Place, task: TaskShape, failed: boolean): Promise<void> {
  const { playbook, play, host } = place;
  const [, path = "unknown", line = "1"] = /^(.*?)(?::(\d+))?$/s.exec(task.path ?? "unknown") ?? [];
  const content = `# ${path} at commit ${textOf(record.data["intended_sha"]) ?? "unknown"}; its text is in Git\n`;
  const file = await ara.create("files", { playbook, path: path.slice(0, 255), content });
  const times = { started: iso(record.received), ended: iso(record.received) };
  const made = await ara.create("tasks", {
    ...{ playbook, play, file: file.id, name: task.task, action: "task", lineno: Number(line), handler: false },
    ...{ tags: [], status: failed ? "failed" : "completed", ...times },
  });
  await ara.create("results", {
    ...{ playbook, play, task: made.id, host, delegated_to: [], ...times },
    ...{ status: failed ? "failed" : "ok", changed: !failed, content: { msg: task.message ?? "" } },
  });
}

async function finish(ara: Ara, record: LogRecord, playbook: number, end: Ended): Promise<void> {
  // What an attempt that broke off left behind; hosts and files are found again by their names.
  for (const { id } of await ara.find("plays", { playbook: String(playbook) })) await ara.remove("plays", id);
  const times = { ended: iso(record.received), started: iso(startOf(record)) };
  const play = await ara.create("plays", {
    playbook,
    name: record.type,
    uuid: uuidOf(record),
    status: "completed",
    ...times,
  });
  const evidence = objectOf(record.data["evidence"]) ?? {};
  const count = (name: string): number => numberOf(evidence[name]) ?? 0;
  const host = await ara.create("hosts", { playbook, name: record.vm });
  const place = { playbook, play: play.id, host: host.id };
  for (const task of tasksIn(record, "failed_tasks")) await addTask(ara, record, place, task, true);
  const changed = [...tasksIn(record, "changed_tasks"), ...tasksIn(record, "drifted_tasks")];
  for (const task of changed) await addTask(ara, record, place, task, false);
  const names = ["ok", "changed", "failed", "skipped", "unreachable"];
  await ara.update("hosts", host.id, Object.fromEntries(names.map((name) => [name, count(name)])));
  await ara.update("playbooks", playbook, { status: end.playbook, ...times });
}

/** A UUID of the event's own, the same each time. */
function uuidOf({ position }: LogRecord): string {
  return `00000000-0000-4000-8000-${position.toString(16).padStart(12, "0")}`;
}

export function araTarget(options: AraOptions): Target {
  return {
    async deliver({ record }, signal): Promise<void> {
      const runId = textOf(record.data["run_id"]);
      const end = ENDS[record.type];
      if (runId === undefined || (end === undefined && record.type !== "run.started")) return;
      const ara = new Ara(options, signal);
      const playbook = await playbookOf(ara, record, runId);
      if (end !== undefined) await finish(ara, record, playbook, end);
    },
  };
}
