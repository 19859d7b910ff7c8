import type { Finding } from "../errors";
import type { NexusVmPullProps } from "../props";

interface Limit {
  readonly prop: string;
  /** Whether the VM asks for it. */
  readonly asked: (props: NexusVmPullProps) => boolean;
  /** What this agent does then. */
  readonly got: string;
}

const REFUSES = "the agent of this release cannot do it and refuses to run";

/** What can be asked for and the agent of this release does not do (agent/README.md). A row goes when the agent can. */
const LIMITS: readonly Limit[] = [{ prop: "vault", asked: ({ vault }) => vault !== undefined, got: REFUSES }];

/** Findings for what the agent that is sent along does not do. */
export function agentLimits(props: NexusVmPullProps): Finding[] {
  return LIMITS.filter(({ asked }) => asked(props)).map(({ prop, got }) => ({ code: "agent_limited", prop, got }));
}
