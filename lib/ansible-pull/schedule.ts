/** When a VM pulls again after its first boot. */
export class Schedule {
  /**
   * At a fixed interval, shifted by a delay that is stable for each VM.
   * @param interval for example "30m"; at least one minute
   * @param options.reapply how old the last success of a commit may get before the timer applies the same commit again, which
   * corrects what was changed by hand on the VM: a duration, "always" (at each interval, as `ansible-pull` by cron does) or
   * "never"; default "never", so that a timer does not undo what somebody is repairing on the VM, and the interval may be short
   * @param options.jitter upper bound of the shift, not above the interval; default a sixth of the interval
   */
  public static every(
    interval: string,
    options: { readonly jitter?: string; readonly reapply?: string } = {},
  ): Schedule {
    return new Schedule(interval, options.jitter, options.reapply);
  }

  private constructor(
    /** @internal */
    public readonly interval: string,
    /** @internal */
    public readonly jitter: string | undefined,
    /** @internal */
    public readonly reapply: string | undefined,
  ) {}
}
