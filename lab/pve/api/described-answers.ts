// Every answer of a running stand-in against Proxmox's own description.
import type { Description } from "./description";
import { answerProblems, type Looser } from "./answer-check";
import type { LoggedRequest, RequestLog } from "./request-log";

/** Where a real Proxmox VE 9.2 was seen to answer otherwise than it describes: recordings/pve-9.2-lifecycle.jsonl. */
export const SEEN_IN_THE_RECORDING: Looser = {
  "GET /cluster/nextid": ["data is string, described as integer"],
  "GET /nodes/{node}/storage/{storage}/content": ["data[].content is not described"],
  "GET /nodes/{node}/tasks/{upid}/status": ["data.tokenid is not described"],
  "GET /nodes/{node}/qemu/{vmid}/status/current": ["data.disk is not described", "data.nics is not described"],
};

/** The same, seen beside the recording, or read in Proxmox's source. */
const SEEN_BESIDE_IT: Looser = {
  "POST /access/ticket": ["data.cap is not described"],
  "GET /nodes/{node}/network": ["data[].bridge_fd is not described"],
  "GET /nodes/{node}/storage/{storage}/content": ["data[].parent is null, described as string"],
  "GET /nodes/{node}/tasks": ["data[].tokenid is not described", "data[].saved is not described"],
  // PVE::API2::Storage::Config: each entry is what GET /storage/{storage} answers, which is described as "object".
  "GET /storage": ["type", "content", "path", "pool", "shared", "vgname", "thinpool", "digest", "prune-backups"].map(
    (key) => `data[].${key} is not described`,
  ),
  // PVE::QemuServer::check_type: the same numbers as in GET config.
  "GET /nodes/{node}/qemu/{vmid}/pending": [
    "data[].value is number, described as string",
    "data[].pending is number, described as string",
  ],
};

function everything(): Looser {
  const merged: Record<string, readonly string[]> = { ...SEEN_IN_THE_RECORDING };
  for (const [route, places] of Object.entries(SEEN_BESIDE_IT)) merged[route] = [...(merged[route] ?? []), ...places];
  return merged;
}

const LOOSER = everything();

/** What in an answer is otherwise than described. */
export function problemsOf(entry: LoggedRequest, description: Description): string[] {
  // A dropped connection has no answer.
  return entry.status === 0 ? [] : answerProblems(description, entry, LOOSER);
}

/** Looks at each answer from now on. The result tells the problems so far, each once. */
export function watchAnswers(log: RequestLog, description: Description): () => string[] {
  const problems = new Set<string>();
  log.watch((entry) => problemsOf(entry, description).forEach((one) => problems.add(one)));
  return () => [...problems];
}
