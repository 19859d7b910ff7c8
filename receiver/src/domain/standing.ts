// What a machine is told that the receiver holds of it: what it skips, and what it shows, depend on that. Pure.
import { compact, type VmState } from "./state";

export interface Standing {
  readonly standing: "current" | "superseded" | "released" | "unknown";
  /** Two machines live with this identity. */
  readonly contested?: true;
  /** Whether it is proved that the machine is what its commit says. */
  readonly converged?: boolean;
  /** Of its newest proved run. */
  readonly commit?: string;
}

export function standingOf(state: VmState | undefined, stream: string): Standing {
  const machine = state?.machines[stream];
  const contested = state?.contest === undefined ? undefined : (true as const);
  if (state === undefined || machine === undefined) return { standing: "unknown" };
  if (machine.gone !== undefined)
    return compact({ standing: machine.gone === "stream_released" ? "released" : "superseded", contested });
  // Nobody asks for it, so there is nothing to prove.
  if (state.phase === "Retired") return { standing: "current" };
  const { conditions, proved } = state;
  const converged = contested === undefined && conditions.Converged.status === "True";
  return compact({ standing: "current", contested, converged, commit: proved?.commit });
}
