import type { LocalExecProvisioner } from "cdktf";
import { expression, template } from "../opentofu/expressions";

// The script comes in a variable: OpenTofu prints a command when it starts and again when it fails, and a hundred lines of
// shell would bury the script's own message.
const COMMAND = 'eval "$NEXUS_PULL_SCRIPT"';

/** Variables without their prefix NEXUS_PULL_; the values are HCL operands. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A script of this room: a string of the JSON. */
type Script = string;

function named(environment: Environment): [string, string][] {
  return Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [[`NEXUS_PULL_${name}`, value] as [string, string]],
  );
}

/** A provisioner that runs a script with settings in its environment; no argument holds any of them. */
export function runScript(script: Script, environment: Environment, when?: "destroy"): LocalExecProvisioner {
  const variables = named(environment).map(([name, value]) => [name, template(value)]);
  return {
    type: "local-exec",
    command: COMMAND,
    environment: { ...Object.fromEntries(variables), NEXUS_PULL_SCRIPT: script },
    ...(when === undefined ? {} : { when }),
  };
}

// Linux limits ONE environment string to 128 KiB. OpenTofu counts characters of up to 4 bytes, and more with accents.
const PIECE_CHARACTERS = 20_000;

/** Like runScript, with a body of any length (an HCL operand), cut into pieces when it is applied. */
export function runScriptWithBody(script: string, environment: Environment, body: string): LocalExecProvisioner {
  const fields = [...named(environment), ["NEXUS_PULL_SCRIPT", script]].map(([name, value]) => `${name} = ${value}`);
  const indices = `range(ceil(length(${body}) / ${PIECE_CHARACTERS}))`;
  const piece = `substr(${body}, i * ${PIECE_CHARACTERS}, ${PIECE_CHARACTERS})`;
  const all = `merge({ ${fields.join(", ")} }, { for i in ${indices} : "NEXUS_PULL_BODY_\${i}" => ${piece} })`;
  // How many pieces there are shows only when it is applied, so the whole map is one expression.
  return { type: "local-exec", command: COMMAND, environment: expression(all) as unknown as Record<string, string> };
}
