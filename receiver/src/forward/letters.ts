// What a forwarder keeps in the store: who runs it, how far it is, and what could not be delivered.
import type { Store } from "../store/port";

/** An event that was given up; it can be sent again. */
export interface Letter {
  readonly position: number;
  readonly error: string;
  readonly attempts: number;
  /** When it was given up, ISO 8601. */
  readonly at: string;
  /** Asked for by an operator: sent again as soon as may be. */
  readonly again?: true;
}

/** The newest are kept of more than this; how many were dropped is counted. */
export const LETTERS_KEPT = 1000;
const LEASE_MS = 30_000;

const padded = (position: number): string => String(position).padStart(16, "0");

export class Letters {
  private checkpoint?: string;
  private lease?: string;

  public constructor(
    private readonly store: Store,
    private readonly name: string,
    private readonly owner: string,
    private readonly now: () => number,
  ) {}

  private key(part: string): string {
    return `forward/${this.name}/${part}`;
  }
  private async read(part: string): Promise<string | undefined> {
    const key = this.key(part);
    return (await this.store.kept(key, 1)).get(key);
  }

  /** Whether this process runs the forwarder now: of several receivers on one store one does. Asked again before it ends. */
  public async lead(): Promise<boolean> {
    const known = await this.read("lease");
    if (known !== undefined && known !== this.lease) {
      const { owner, until } = JSON.parse(known) as { owner: string; until: number };
      if (owner !== this.owner && until > this.now()) return false;
    }
    const mine = JSON.stringify({ owner: this.owner, until: this.now() + LEASE_MS });
    if (!(await this.store.swap(this.key("lease"), known, mine))) return false;
    if (known !== this.lease) this.checkpoint = undefined;
    this.lease = mine;
    return true;
  }

  /** Lets another process lead at once. */
  public async resign(): Promise<void> {
    if (this.lease !== undefined) await this.store.swap(this.key("lease"), this.lease, undefined);
    this.lease = undefined;
  }

  public async position(): Promise<number | undefined> {
    this.checkpoint = await this.read("position");
    return this.checkpoint === undefined ? undefined : Number(this.checkpoint);
  }

  /** False: another process leads now, and its word counts. */
  public async advance(position: number): Promise<boolean> {
    const next = String(position);
    if (next === this.checkpoint) return true;
    const done = await this.store.swap(this.key("position"), this.checkpoint, next);
    if (done) this.checkpoint = next;
    return done;
  }

  public async all(): Promise<readonly Letter[]> {
    const found = await this.store.kept(this.key("dead/"), LETTERS_KEPT + 1);
    return [...found.values()].map((text) => JSON.parse(text) as Letter);
  }

  /** Sets an event aside. The oldest goes when there are too many; true then. */
  public async add(letter: Letter): Promise<boolean> {
    const part = `dead/${padded(letter.position)}`;
    await this.store.swap(this.key(part), await this.read(part), JSON.stringify(letter));
    const found = await this.store.kept(this.key("dead/"), LETTERS_KEPT + 1);
    if (found.size <= LETTERS_KEPT) return false;
    const [oldest] = found;
    if (oldest !== undefined) await this.store.swap(oldest[0], oldest[1], undefined);
    return true;
  }

  public async remove(position: number): Promise<void> {
    const part = `dead/${padded(position)}`;
    const known = await this.read(part);
    if (known !== undefined) await this.store.swap(this.key(part), known, undefined);
  }

  /** Asks for all to be sent again; how many were asked for. */
  public async sendAgain(): Promise<number> {
    const found = await this.store.kept(this.key("dead/"), LETTERS_KEPT + 1);
    let asked = 0;
    for (const [key, text] of found) {
      const letter = JSON.parse(text) as Letter;
      if (await this.store.swap(key, text, JSON.stringify({ ...letter, again: true }))) asked += 1;
    }
    const known = await this.read("again");
    await this.store.swap(this.key("again"), known, String(Number(known ?? 0) + 1));
    return asked;
  }

  /** What was asked for, and how to say that it was looked after; a request that comes meanwhile stays. */
  public async asked(): Promise<{ readonly letters: readonly Letter[]; readonly done: () => Promise<unknown> }> {
    // A mark of its own: every turn asks, and mostly there is nothing.
    const mark = await this.read("again");
    if (mark === undefined) return { letters: [], done: async () => undefined };
    const letters = (await this.all()).filter(({ again }) => again === true);
    return { letters, done: () => this.store.swap(this.key("again"), mark, undefined) };
  }
}
