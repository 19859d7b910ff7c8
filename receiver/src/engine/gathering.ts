// When a group is complete. Whoever asks waits for the answer and then asks again, so a group is half of those who ask: it is
// committed while the other half is heard, and neither the store nor the rest stands still.

/** One of so many groups takes as many as come, which counts them: of clients that connect anew, most are on their way. */
const COUNTS = 16;
/** Turns of the event loop in which who is there is heard: one to connect, one to send, one to be understood. */
const TURNS = 3;
/** What the first of a group waits for the last, at most, on a machine that is busy. */
const AT_MOST_MS = 20;

export interface GatheringOptions {
  /** How many wait. */
  readonly waiting: () => number;
  /** Clients post on a new connection each, so without a pause every event would be a group of its own. */
  readonly lingerMs: number;
  /** The most of a group. */
  readonly groupSize: number;
}

export class Gathering {
  /** How many ask at once, as far as is known. */
  private clients = 0;
  private groups = 0;
  private came?: () => void;

  public constructor(private readonly options: GatheringOptions) {}

  private get half(): number {
    return Math.min(Math.ceil(this.clients / 2), this.options.groupSize);
  }

  private get isCounting(): boolean {
    return this.groups % COUNTS === COUNTS - 1;
  }

  /** To be called for each that comes. */
  public another(): void {
    this.came?.();
  }

  /** Resolves when those who wait are a group. */
  public async complete(): Promise<void> {
    const { waiting, groupSize } = this.options;
    const latest = performance.now() + AT_MOST_MS;
    const enough = this.isCounting ? groupSize : this.half;
    if (waiting() < this.half) await this.pause();
    // When many connect at once, the pause is over before most of their requests are read.
    for (let heard = -1; heard < waiting() && waiting() < enough;) {
      if (performance.now() > latest) return;
      heard = waiting();
      for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Until there are enough, or the time is over. */
  private async pause(): Promise<void> {
    const { waiting, lingerMs } = this.options;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lingerMs);
      this.came = () => {
        if (waiting() < this.half) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.came = undefined;
  }

  /** How many a group was; who waits now came while it was committed. */
  public took(group: number): void {
    const seen = group + this.options.waiting();
    // Fewer than half may be a moment in which a busy machine let nobody ask, or that some have gone.
    const left = group < this.half ? Math.floor((this.clients * 3) / 4) : this.clients;
    this.clients = this.isCounting ? seen : Math.max(seen, left);
    this.groups += 1;
  }
}
