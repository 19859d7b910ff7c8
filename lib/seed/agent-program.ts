import { readPackageFile } from "../templates/package-root";

/** The agent that this version of the library puts onto VMs. */
export interface AgentProgram {
  readonly version: string;
  /** sha256 of the program itself, before compression; the agent compares. */
  readonly sha256: string;
  /** The program, gzip and base64, one line: what `renderSeedScript` takes. Always the same bytes: a committed file. */
  readonly gzipBase64: string;
}

let cached: AgentProgram | undefined;

/** The built agent (agent/built/, made by agent/build.py). */
export function agentProgram(): AgentProgram {
  cached ??= load();
  return cached;
}

function load(): AgentProgram {
  const manifest = JSON.parse(readPackageFile("agent/built/manifest.json")) as { version: string; sha256: string };
  return { ...manifest, gzipBase64: readPackageFile("agent/built/nexus-pull-agent.gz.b64").trim() };
}
