import { renderTemplate } from "../templates/render";

/** What the seed script carries. Both texts may be tokens: OpenTofu composes the seed at plan time. */
export interface SeedScriptOptions {
  /** The seed (contract/seed.schema.json) as JSON in base64. */
  readonly seedBase64: string;
  /**
   * The agent, gzip and base64.
   *
   * @default - none travels: the image has the agent, which compares its own sha256 with the configuration's
   */
  readonly agentBase64?: string;
  /**
   * Where the agent lies in an image that has it.
   *
   * @default "/usr/local/bin/nexus-pull-agent"
   */
  readonly program?: string;
  /**
   * Where the script unpacks; removed again when the seed is adopted.
   *
   * @default "/run/nexus-pull/seed"
   */
  readonly folder?: string;
  /**
   * Where a failure is said besides standard error.
   *
   * @default "/dev/console"
   */
  readonly console?: string;
}

/**
 * The shell text that is the FIRST entry of the cloud-config's `bootcmd`, as a string (not a list).
 *
 * `bootcmd` runs at every boot and reads the user-data anew, which is how a VM adopts a newer generation; and nothing of
 * ours stands in `runcmd`, where a user's failing command could keep it from running.
 */
export function renderSeedScript(options: SeedScriptOptions): string {
  return renderTemplate("seed/bootcmd.sh.hbs", {
    program: "/usr/local/bin/nexus-pull-agent",
    folder: "/run/nexus-pull/seed",
    console: "/dev/console",
    agentBase64: undefined,
    ...options,
  });
}
