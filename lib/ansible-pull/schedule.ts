/** When a VM pulls again after its first boot. */
export class Schedule {
  /**
   * At a fixed interval, shifted by a delay that is stable for each VM.
   * @param interval for example "30m"; at least one minute
   * @param options.jitter upper bound of the shift, not above the interval; default a sixth of the interval
   */
  public static every(interval: string, options: { readonly jitter?: string } = {}): Schedule {
    return new Schedule(interval, options.jitter);
  }

  private constructor(
    /** @internal */
    public readonly interval: string,
    /** @internal */
    public readonly jitter: string | undefined,
  ) {}
}
