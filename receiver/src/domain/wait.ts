import { currentMachine, type VmState } from "./state";

export interface WaitAnswer {
  readonly status: 200 | 409 | 504;
  readonly text: string;
}

const FULL_COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

function describe(state: VmState): string {
  const message = state.message === undefined ? "" : `: ${state.message}`;
  return `${state.phase} (${state.reason})${message}`;
}

/** What a wait is answered now; 504 is the answer only when its time ends. */
export function waitAnswer(state: VmState | undefined, commit: string | undefined): WaitAnswer {
  if (state === undefined)
    return { status: 504, text: "unknown: nothing was heard of this VM, and no roster names it" };
  if (state.phase === "Configured") return configured(state, commit);
  if (state.phase === "Failed" || state.phase === "Drifted") {
    const answers = commit === undefined || state.failed_sha === undefined || state.failed_sha === commit;
    if (answers) return { status: 409, text: describe(state) };
    return { status: 504, text: `${describe(state)}, with commit ${state.failed_sha}; waiting for ${commit}` };
  }
  const heard = currentMachine(state) === undefined ? ", its machine was not heard of yet" : "";
  return { status: 504, text: `${describe(state)}${heard}` };
}

function configured(state: VmState, commit: string | undefined): WaitAnswer {
  const ref = state.announced?.ref;
  const wanted = commit ?? (ref !== undefined && FULL_COMMIT.test(ref) ? ref : undefined);
  const applied = state.proved?.commit ?? "unknown";
  if (wanted === undefined || wanted === applied) return { status: 200, text: `commit ${applied}` };
  return { status: 504, text: `Configured (commit_not_applied): with ${applied}, not yet with ${wanted}` };
}
