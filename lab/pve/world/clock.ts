// Time as a parameter: the stand-in never reads the machine's clock itself.

/** Cancels what was planned. */
export type Cancel = () => void;

/** What the stand-in knows of time. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back once, later. */
  after(ms: number, callback: () => void): Cancel;
}

/** Resolves after that time. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => clock.after(ms, resolve));
}

/** The machine's clock. Its timers keep no program alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms).unref();
    return () => clearTimeout(timer);
  },
};

interface Planned {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  private planned: Planned[] = [];

  public constructor(private time: number) {}

  public now(): number {
    return this.time;
  }

  public after(ms: number, callback: () => void): Cancel {
    const entry = { at: this.time + ms, callback };
    this.planned.push(entry);
    return () => (this.planned = this.planned.filter((other) => other !== entry));
  }

  /** Moves on, calling back what is due in order; what that sets off runs before the next one. */
  public async advanceTo(time: number): Promise<void> {
    await settled();
    for (;;) {
      const due = this.planned.filter(({ at }) => at <= time).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.planned = this.planned.filter((other) => other !== due);
      this.time = Math.max(this.time, due.at);
      due.callback();
      await settled();
    }
    this.time = Math.max(this.time, time);
  }
}

/** All promises that can go on have gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
