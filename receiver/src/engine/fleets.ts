import type { VmState } from "../domain/state";

export const keyOf = (fleet: string, vm: string): string => `${fleet}/${vm}`;

interface Known {
  state: VmState;
  /** The version with which it changed last. */
  version: number;
}

/** What is committed of every VM, in memory: reading asks no store. */
export class Fleets {
  private readonly known = new Map<string, Known>();
  /** Sorted; undefined when a VM is new. */
  private keys?: readonly string[];
  private sorted?: readonly VmState[];
  private readonly streams = new Map<string, string>();
  /** Grows with every change. */
  public version = 0;

  /** By key. */
  public put(states: ReadonlyMap<string, VmState>): void {
    this.version += 1;
    for (const [key, state] of states) {
      const known = this.known.get(key);
      // A new stream is a new current machine.
      if (known === undefined || known.state.current !== state.current)
        for (const stream of Object.keys(state.machines)) this.streams.set(stream, key);
      if (known !== undefined) {
        known.state = state;
        known.version = this.version;
        continue;
      }
      this.known.set(key, { state, version: this.version });
      this.keys = undefined;
    }
    this.sorted = undefined;
  }

  /** VMs that changed after a version, each once, as they are now. */
  public changedSince(version: number): readonly VmState[] {
    return [...this.known.values()].flatMap((known) => (known.version > version ? known.state : []));
  }

  public get(fleet: string, vm: string): VmState | undefined {
    return this.byKey(keyOf(fleet, vm));
  }

  public byKey(key: string): VmState | undefined {
    return this.known.get(key)?.state;
  }

  /** The VM of which a stream was heard. */
  public byStream(stream: string): VmState | undefined {
    return this.byKey(this.streams.get(stream) ?? "");
  }

  /** Every VM, by fleet and name. */
  public all(): readonly VmState[] {
    // By code unit, so that a cursor means the same wherever the receiver runs.
    this.keys ??= [...this.known.keys()].sort();
    this.sorted ??= this.keys.flatMap((key) => this.byKey(key) ?? []);
    return this.sorted;
  }

  public get size(): number {
    return this.known.size;
  }
}
