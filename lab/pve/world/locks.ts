// One lock per VM, as Proxmox's lock files: taken shared or exclusively, given up after a while.
import type { Clock } from "./clock";
import { died } from "./errors";

type Mode = "shared" | "exclusive";

interface Waiting {
  readonly mode: Mode;
  readonly go: () => void;
}

interface Lock {
  shared: number;
  exclusive: boolean;
  readonly queue: Waiting[];
}

/** Locks by VM id. */
export class VmLocks {
  private readonly locks = new Map<number, Lock>();

  public constructor(private readonly clock: Clock) {}

  /**
   * Waits for the lock.
   *
   * @returns what gives it back
   * @throws PveError - not had within that time
   */
  public async acquire(vmid: number, mode: Mode, waitMs: number): Promise<() => void> {
    const lock = this.locks.get(vmid) ?? { shared: 0, exclusive: false, queue: [] };
    this.locks.set(vmid, lock);
    if (!isFree(lock, mode)) await this.wait(lock, vmid, mode, waitMs);
    else take(lock, mode);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (mode === "exclusive") lock.exclusive = false;
      else lock.shared -= 1;
      serve(lock);
    };
  }

  private wait(lock: Lock, vmid: number, mode: Mode, waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        mode,
        go: () => {
          cancel();
          resolve();
        },
      };
      const cancel = this.clock.after(waitMs, () => {
        lock.queue.splice(lock.queue.indexOf(entry), 1);
        reject(died(`can't lock file '/var/lock/qemu-server/lock-${vmid}.conf' - got timeout`));
      });
      lock.queue.push(entry);
    });
  }
}

function isFree(lock: Lock, mode: Mode): boolean {
  return mode === "exclusive" ? !lock.exclusive && lock.shared === 0 : !lock.exclusive;
}

function take(lock: Lock, mode: Mode): void {
  if (mode === "exclusive") lock.exclusive = true;
  else lock.shared += 1;
}

function serve(lock: Lock): void {
  for (;;) {
    const next = lock.queue[0];
    if (next === undefined || !isFree(lock, next.mode)) return;
    lock.queue.shift();
    take(lock, next.mode);
    next.go();
  }
}
