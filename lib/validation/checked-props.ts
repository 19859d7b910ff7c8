import type { NexusVmPullProps } from "../props";

/** Props with the fleet decided. */
export interface CheckedProps extends NexusVmPullProps {
  readonly fleet: string;
}
