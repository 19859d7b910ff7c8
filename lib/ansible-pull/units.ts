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
  /**
   * Whether the VM reports to a receiver.
   *
   * @default true
   */
  readonly reports?: boolean;
}

/** Where the agent is installed on the VM. */
export const AGENT_PROGRAM = "/usr/local/bin/nexus-pull-agent";

const UNIT_FOLDER = "/etc/systemd/system";
/** Beside the run itself: four fetches of at most 15 minutes, and the grace that ansible gets to end. */
const FETCH_ALLOWANCE_SECONDS = 4 * 900 + 120;

/** The systemd units of a VM, in the order of their names. The agent enables and starts each that has [Install]. */
export function renderUnits(options: UnitOptions): readonly UnitFile[] {
  const view = {
    program: AGENT_PROGRAM,
    startTimeoutSeconds: options.runTimeoutSeconds + FETCH_ALLOWANCE_SECONDS,
  };
  const names = [...((options.reports ?? true) ? ["nexus-pull-heartbeat.service"] : []), "nexus-pull.service"];
  return names.map((name) => ({
    path: `${UNIT_FOLDER}/${name}`,
    mode: "0644",
    content: renderTemplate(`systemd/${name}.hbs`, view),
  }));
}
