import type { VmState } from "../domain/state";

export const keyOf = (fleet: string, vm: string): string => `${fleet}/${vm}`;

/** What is committed of every VM, in memory: reading asks no store. */
export class Fleets {
  private readonly states = new Map<string, VmState>();
  /** Sorted; undefined when a VM is new. */
  private keys?: readonly string[];
  private sorted?: readonly VmState[];
  private readonly streams = new Map<string, string>();
  /** The version with which a VM changed last; the latest change is the last entry. */
  private readonly changed = new Map<string, number>();
  /** Grows with every change. */
  public version = 0;

  public put(states: readonly VmState[]): void {
    this.version += 1;
    for (const state of states) {
      const key = keyOf(state.fleet, state.vm);
      this.changed.delete(key);
      this.changed.set(key, this.version);
      if (!this.states.has(key)) this.keys = undefined;
      this.states.set(key, state);
      for (const stream of Object.keys(state.machines)) this.streams.set(stream, key);
    }
    this.sorted = undefined;
  }

  /** VMs that changed after a version, each once, as they are now. */
  public changedSince(version: number): readonly VmState[] {
    return [...this.changed].filter(([, at]) => at > version).flatMap(([key]) => this.states.get(key) ?? []);
  }

  public get(fleet: string, vm: string): VmState | undefined {
    return this.byKey(keyOf(fleet, vm));
  }

  public byKey(key: string): VmState | undefined {
    return this.states.get(key);
  }

  /** The VM of which a stream was heard. */
  public byStream(stream: string): VmState | undefined {
    return this.states.get(this.streams.get(stream) ?? "");
  }

  /** Every VM, by fleet and name. */
  public all(): readonly VmState[] {
    // By code unit, so that a cursor means the same wherever the receiver runs.
    this.keys ??= [...this.states.keys()].sort();
    this.sorted ??= this.keys.flatMap((key) => this.states.get(key) ?? []);
    return this.sorted;
  }

  public get size(): number {
    return this.states.size;
  }
}
