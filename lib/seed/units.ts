import { renderTemplate } from "../templates/render";

/** A file that the agent puts onto the VM, as it stands in the seed before its content is encoded. */
export interface UnitFile {
  readonly path: string;
  /** Octal, for example `0644`. */
  readonly mode: string;
  readonly content: string;
}

/** What the unit files depend on. */
export interface UnitOptions {
  /** The run's own timeout, `run.timeout_s` of the agent's configuration. */
  readonly runTimeoutSeconds: number;
  /** The bootstrap's own timeout, `bootstrap.deadline_s` of the agent's configuration. */
  readonly bootstrapTimeoutSeconds: number;
  /** `schedule` of the agent's configuration. */
  readonly schedule: { readonly interval_s: number; readonly jitter_s: number };
  /**
   * Seconds between heartbeats of a VM that reports to a receiver.
   *
   * @default - the VM reports to nobody
   */
  readonly heartbeatSeconds?: number;
}

/** Where the agent is installed on the VM. */
export const AGENT_PROGRAM = "/usr/local/bin/nexus-pull-agent";

const UNIT_FOLDER = "/etc/systemd/system";
/** Beside the run itself: four fetches of at most 15 minutes, and the grace that ansible gets to end. */
const FETCH_ALLOWANCE_SECONDS = 4 * 900 + 120;
/** Beside the bootstrap: its last command ends, and what it came to is written down. */
const BOOTSTRAP_ALLOWANCE_SECONDS = 120;
const LONGEST_HEARTBEAT_JITTER_SECONDS = 60;
const RUN_UNITS = ["nexus-pull.service", "nexus-pull.timer"];
const REPORT_UNITS = [
  "nexus-pull-boot.service",
  "nexus-pull-flush.path",
  "nexus-pull-flush.service",
  "nexus-pull-heartbeat.service",
  "nexus-pull-heartbeat.timer",
];

/** The systemd units of a VM, in the order of their names. The agent enables and starts each that has [Install]. */
export function renderUnits(options: UnitOptions): readonly UnitFile[] {
  const heartbeatSeconds = options.heartbeatSeconds;
  const view = {
    program: AGENT_PROGRAM,
    // systemd counts anew for each command of the unit.
    startTimeoutSeconds: Math.max(
      options.runTimeoutSeconds + FETCH_ALLOWANCE_SECONDS,
      options.bootstrapTimeoutSeconds + BOOTSTRAP_ALLOWANCE_SECONDS,
    ),
    intervalSeconds: options.schedule.interval_s,
    jitterSeconds: options.schedule.jitter_s,
    heartbeatSeconds,
    heartbeatJitterSeconds: Math.min(LONGEST_HEARTBEAT_JITTER_SECONDS, Math.floor((heartbeatSeconds ?? 0) / 10)),
  };
  const names = heartbeatSeconds === undefined ? RUN_UNITS : [...REPORT_UNITS, ...RUN_UNITS];
  return names.map((name) => ({
    path: `${UNIT_FOLDER}/${name}`,
    mode: "0644",
    content: renderTemplate(`systemd/${name}.hbs`, view),
  }));
}
