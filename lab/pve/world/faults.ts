// Faults on demand. Each has a place where the stand-in asks for it; a fault happens a number of times and is gone.

/** A fault that can be asked for. */
export type Fault =
  /** An answer instead of the call's own: 500, 502, 596; with a lock timeout's or any other text. */
  | { readonly kind: "answer"; readonly status: number; readonly text: string }
  /** The connection ends without an answer. */
  | { readonly kind: "drop" }
  /** Every ticket is refused, as when it is too old. */
  | { readonly kind: "expired-ticket" }
  /** The task takes that much longer. */
  | { readonly kind: "slow-task"; readonly ms: number }
  /** The task ends with that text. */
  | { readonly kind: "failed-task"; readonly text: string }
  /**
   * Another VM takes the id after it was asked for: before the clone is requested, so that the request is refused, or
   * after, so that the task fails. It stays.
   */
  | { readonly kind: "vmid-race"; readonly at: "request" | "task" }
  /** No SSH connection is let in. */
  | { readonly kind: "ssh-refused" }
  /** The SSH user has no sudo. */
  | { readonly kind: "no-sudo" };

/** Which calls or tasks a fault is for, and how often it happens. */
export interface FaultPlan {
  readonly fault: Fault;
  /** HTTP method. @default - any */
  readonly method?: string;
  /**
   * Regular expression over the path, over a task's `type:id` (of a clone: the source's), or over an SSH server's
   * `node` or `node:user`.
   * @default - any
   */
  readonly match?: string;
  /** @default 1 */
  readonly times?: number;
}

/** The planned faults. */
export class Faults {
  private plans: { readonly plan: FaultPlan; left: number }[] = [];

  public add(plan: FaultPlan): void {
    this.plans.push({ plan, left: plan.times ?? 1 });
  }

  public clear(): void {
    this.plans = [];
  }

  /** How many of the planned faults have not happened. */
  public get left(): number {
    return this.plans.reduce((sum, { left }) => sum + left, 0);
  }

  /** Takes one of these kinds that fits, if there is one. */
  public take<K extends Fault["kind"]>(
    kinds: readonly K[],
    subject: string,
    method?: string,
  ): Extract<Fault, { kind: K }> | undefined {
    const found = this.plans.find(
      ({ plan, left }) =>
        left > 0 &&
        (kinds as readonly string[]).includes(plan.fault.kind) &&
        (plan.method === undefined || plan.method === method) &&
        (plan.match === undefined || new RegExp(plan.match).test(subject)),
    );
    if (found === undefined) return undefined;
    found.left -= 1;
    return found.plan.fault as Extract<Fault, { kind: K }>;
  }
}
