// One forwarder: a cursor into the log and a target. It has a loop of its own, so that a slow or dead target slows nothing else.
import type { LogRecord } from "../domain/log";
import type { VmState } from "../domain/state";
import type { Store } from "../store/port";
import { DeliveryError, type Item, pauseMs, type Target } from "./delivery";
import { type Letter, Letters } from "./letters";

export interface Surroundings {
  readonly store: Store;
  readonly now: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Resolves after the time, or when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly stateOf: (fleet: string, vm: string) => VmState | undefined;
  readonly states: () => readonly VmState[];
  /** Names this process among those that share the store. */
  readonly owner: string;
  readonly report: (error: unknown) => void;
}

export interface ForwarderOptions {
  readonly name: string;
  readonly kind: string;
  /** Origin of the target; its path may be a secret. */
  readonly origin: string;
  readonly target: Target;
  readonly matches: (item: Item) => boolean;
  /** Whether a VM is one that it tells of, for targets that are told again. */
  readonly covers: (state: VmState) => boolean;
  /** Where a forwarder begins that has never run. */
  readonly from: "now" | "beginning";
  readonly giveUpAfterMs: number;
}

/** How it stands with a forwarder. */
export interface ForwarderStatus {
  readonly name: string;
  readonly kind: string;
  readonly target: string;
  readonly position?: number;
  readonly delivered: number;
  /** Events set aside since this process started. */
  readonly set_aside: number;
  readonly failing?: { readonly since: string; readonly attempts: number; readonly error: string };
  readonly dropped_letters: number;
  /** Events that retention let go before it looked at them, since this process started. */
  readonly missed: number;
}

const PAGE = 100;
const IDLE_MS = 5000;
/** Again and again a checkpoint costs a flush; what is sent twice after a crash is what came since. */
const SAVE_MS = 1000;

export class Forwarder {
  private readonly letters: Letters;
  private cursor?: number;
  private saved = 0;
  private delivered = 0;
  private setAside = 0;
  private dropped = 0;
  private missed = 0;
  /** What is not in the log up to here was gone before it began. */
  private begunAt = 0;
  /** Up to where what was missed is counted: an event may be tried in several turns. */
  private counted = 0;
  private refreshed = 0;
  private failing?: { readonly since: number; readonly attempts: number; readonly error: string };
  private wakeUp?: () => void;
  /** The log grew while a turn was at work. */
  private grown = false;
  private readonly stopping = new AbortController();

  public constructor(
    public readonly options: ForwarderOptions,
    private readonly around: Surroundings,
  ) {
    this.letters = new Letters(around.store, options.name, around.owner, around.now);
  }

  public status(): ForwarderStatus {
    const { name, kind, origin } = this.options;
    const { failing } = this;
    const told = failing && { ...failing, since: new Date(failing.since).toISOString() };
    const { delivered, setAside, dropped, missed } = this;
    return {
      ...{ name, kind, target: origin, delivered, set_aside: setAside, dropped_letters: dropped, missed },
      ...(this.cursor === undefined ? {} : { position: this.cursor }),
      ...(told === undefined ? {} : { failing: told }),
    };
  }

  public deadLetters(): Promise<readonly Letter[]> {
    return this.letters.all();
  }

  public async sendAgain(): Promise<number> {
    const asked = await this.letters.sendAgain();
    this.wake();
    return asked;
  }

  /** The log grew. */
  public wake(): void {
    this.grown = true;
    this.wakeUp?.();
  }

  /** Works until it is stopped; an error of the store is reported and waited out. */
  public async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        this.grown = false;
        if (await this.turn()) continue;
      } catch (error) {
        this.grown = false;
        if (!signal.aborted) this.around.report(error);
      }
      await this.idle();
    }
    await this.letters.resign().catch(this.around.report);
  }

  public stop(): void {
    this.stopping.abort();
    this.wake();
  }

  /** One page of the log; whether there may be more at once. */
  public async turn(): Promise<boolean> {
    if (!(await this.letters.lead())) {
      this.cursor = undefined;
      return false;
    }
    this.cursor ??= await this.begin();
    await this.resend();
    await this.refresh();
    const page = await this.around.store.events({ after: this.cursor, limit: PAGE });
    for (const record of page) {
      this.countMissed(this.cursor, record.position);
      if (!(await this.deliver(record))) return false;
      this.cursor = record.position;
      if (this.around.now() - this.saved >= SAVE_MS && !(await this.save())) return false;
    }
    if (page.length > 0 && !(await this.save())) return false;
    return page.length === PAGE;
  }

  private async begin(): Promise<number> {
    const known = await this.letters.position();
    const last = await this.around.store.lastPosition();
    if (known === undefined) this.begunAt = last;
    // A log that is shorter than the checkpoint is another one: a restored backup.
    const start = known === undefined ? (this.options.from === "now" ? last : 0) : Math.min(known, last);
    await this.letters.advance(start);
    return start;
  }

  /** Positions have no gaps but what retention let go: at least once is not kept then, and that is said. */
  private countMissed(cursor: number, position: number): void {
    const from = Math.max(cursor, this.begunAt);
    if (position <= from + 1 || position <= this.counted) return;
    this.counted = position;
    const missed = position - from - 1;
    this.missed += missed;
    this.around.report(this.notice(`${missed} events before ${position} went by retention, unsent`));
  }

  /** Leads still, and its checkpoint is kept. */
  private async save(): Promise<boolean> {
    this.saved = this.around.now();
    if ((await this.letters.lead()) && (await this.letters.advance(this.cursor ?? 0))) return true;
    this.cursor = undefined;
    return false;
  }

  private itemOf(record: LogRecord): Item {
    const state = this.around.stateOf(record.fleet, record.vm);
    return { record, ...(state === undefined ? {} : { state }) };
  }

  /** False when it stopped or lost the lead: then the event is not done. */
  private async deliver(record: LogRecord): Promise<boolean> {
    const item = this.itemOf(record);
    if (!this.options.matches(item)) return true;
    const begun = this.around.now();
    for (let attempts = 1; !this.stopping.signal.aborted; attempts += 1) {
      const error = await this.attempt(item);
      if (error === undefined) return true;
      this.failing = { since: this.failing?.since ?? begun, attempts, error: error.message };
      if (error.permanent || this.around.now() - begun >= this.options.giveUpAfterMs) {
        await this.giveUp(record, attempts, error);
        return true;
      }
      await this.around.sleep(pauseMs(attempts, this.around.random(), error.retryAfterMs), this.stopping.signal);
      if (!(await this.letters.lead())) return false;
    }
    return false;
  }

  private async attempt(item: Item): Promise<DeliveryError | undefined> {
    try {
      await this.options.target.deliver(item, this.stopping.signal);
      this.delivered += 1;
      this.failing = undefined;
      return undefined;
    } catch (error) {
      if (error instanceof DeliveryError) return error;
      // A defect, e.g. of a template: the event is not the reason to stop.
      return new DeliveryError(error instanceof Error ? error.message : String(error), true);
    }
  }

  private async giveUp(record: LogRecord, attempts: number, error: DeliveryError): Promise<void> {
    const at = new Date(this.around.now()).toISOString();
    const dropped = await this.letters.add({ position: record.position, error: error.message, attempts, at });
    if (dropped) this.dropped += 1;
    this.setAside += 1;
    this.failing = undefined;
    this.around.report(this.notice(`event ${record.position} set aside: ${error.message}`));
  }

  private notice(text: string): DeliveryError {
    return new DeliveryError(`forwarder ${this.options.name}: ${text}`, true);
  }

  /** What an operator asked to be sent again: once, and it stays when it is refused again. */
  private async resend(): Promise<void> {
    const { letters, done } = await this.letters.asked();
    for (const { position, attempts } of letters) {
      const [record] = await this.around.store.events({ after: position - 1, limit: 1 });
      const error = record?.position === position ? await this.attempt(this.itemOf(record)) : undefined;
      if (record?.position !== position) this.around.report(this.notice(`event ${position} went by retention, unsent`));
      if (error === undefined) await this.letters.remove(position);
      else if (record !== undefined) await this.giveUp(record, attempts + 1, error);
    }
    await done();
  }

  private async refresh(): Promise<void> {
    const { refresh } = this.options.target;
    if (refresh === undefined || this.around.now() - this.refreshed < refresh.everyMs) return;
    this.refreshed = this.around.now();
    await refresh.run(this.around.states().filter(this.options.covers), this.stopping.signal).catch(this.around.report);
  }

  private async idle(): Promise<void> {
    if (this.grown) return;
    const rest = new AbortController();
    this.wakeUp = (): void => rest.abort();
    await this.around.sleep(IDLE_MS, AbortSignal.any([rest.signal, this.stopping.signal]));
    this.wakeUp = undefined;
  }
}
