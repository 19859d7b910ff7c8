import type { LocalExecProvisioner } from "cdktf";

// The script comes in a variable: OpenTofu prints a command when it starts and again when it fails, and sixty lines of shell
// would bury the script's own message. A comment names what runs.
const COMMAND = 'eval "$NEXUS_PULL_SCRIPT"';

/** A provisioner that runs one of this room's scripts with settings in its environment; no argument holds any of them. */
export function runScript(environment: Record<string, string | undefined>, when?: "destroy"): LocalExecProvisioner {
  const given = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    type: "local-exec",
    command: COMMAND,
    environment: Object.fromEntries(given.map(([name, value]) => [`NEXUS_PULL_${name}`, value])),
    ...(when === undefined ? {} : { when }),
  };
}
