// Alertmanager's API v2: a VM in a bad phase is a firing alert, which ends when the VM leaves the phase. Alertmanager
// forgets what it is not told again, so what fires is said again well before it would end.
import type { Phase } from "@nexus-pull/contract";
import { attention, type VmState } from "../../domain/state";
import type { Target } from "../delivery";
import type { HttpClient } from "../http";
import { remedyOf } from "../view";

const SEVERITY: Readonly<Partial<Record<Phase, string>>> = { Failed: "critical", Overdue: "critical" };
const REFRESH_MS = 60_000;
/** Three missed refreshes end an alert. */
const LASTS_MS = 4 * REFRESH_MS;

interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
}

/** One alert for each bad phase: the VM's own fires, the others have ended. */
function alertsOf(state: VmState, now: number): Alert[] {
  return attention.map((phase) => {
    const fires = state.phase === phase;
    const remedy = fires ? remedyOf(state.reason) : undefined;
    return {
      labels: {
        alertname: `NexusPullVm${phase}`,
        fleet: state.fleet,
        vm: state.vm,
        severity: SEVERITY[phase] ?? "warning",
      },
      annotations: {
        summary: `${state.fleet}/${state.vm} is ${state.phase}`,
        ...(fires ? { reason: state.reason } : {}),
        ...(fires && state.message !== undefined ? { description: state.message } : {}),
        ...(remedy === undefined ? {} : { remedy }),
      },
      startsAt: new Date(Math.min(state.since, now)).toISOString(),
      endsAt: new Date(fires ? now + LASTS_MS : now).toISOString(),
    };
  });
}

const isAlerting = ({ phase }: VmState): boolean => attention.includes(phase);

export interface AlertmanagerOptions {
  /** Base, e.g. http://alertmanager:9093 */
  readonly url: URL;
  readonly http: HttpClient;
  readonly now: () => number;
  readonly headers?: Readonly<Record<string, string>>;
}

export function alertmanagerTarget({ url, http, now, headers }: AlertmanagerOptions): Target {
  const address = new URL(`${url.pathname.replace(/\/$/, "")}/api/v2/alerts`, url);
  const post = async (alerts: readonly Alert[], signal: AbortSignal): Promise<void> => {
    if (alerts.length === 0) return;
    const all = { ...headers, "content-type": "application/json" };
    await http.call({ method: "POST", url: address, headers: all, body: JSON.stringify(alerts), signal });
  };
  return {
    deliver: async ({ state }, signal) => (state === undefined ? undefined : post(alertsOf(state, now()), signal)),
    refresh: {
      everyMs: REFRESH_MS,
      run: async (states, signal) => {
        const firing = states.filter(isAlerting).flatMap((state) => alertsOf(state, now()));
        await post(
          firing.filter(({ endsAt }) => Date.parse(endsAt) > now()),
          signal,
        );
      },
    },
  };
}
