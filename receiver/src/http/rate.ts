// How often each source asks, whatever it asks for.
import { LruMap } from "toad-cache";
import { Refusal } from "../engine/refusal";
import { sourceOf } from "./access";

const WINDOW_MS = 60_000;
/** Sources that are remembered; of more, the one that was silent for longest is forgotten. */
const SOURCES = 10_000;

interface Window {
  readonly begun: number;
  asked: number;
}

export class RateLimit {
  private readonly windows = new LruMap<Window>(SOURCES);

  /** `most`: requests a minute; 0: as many as one likes. */
  public constructor(
    private readonly most: number,
    private readonly now: () => number,
  ) {}

  /** Counts one more request of a source. Throws when they are too many. */
  public count(remote: string): void {
    if (this.most === 0) return;
    const window = this.windowOf(sourceOf(remote));
    window.asked += 1;
    if (window.asked > this.most) throw new Refusal("rate_limited");
  }

  private windowOf(remote: string): Window {
    const now = this.now();
    const known = this.windows.get(remote);
    // A clock that was set back must not make a window longer.
    if (known !== undefined && known.begun <= now && now < known.begun + WINDOW_MS) return known;
    const window = { begun: now, asked: 0 };
    this.windows.set(remote, window);
    return window;
  }
}
