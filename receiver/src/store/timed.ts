import type { Store } from "./port";

/** What only looks. A write waits for its turn and has a measure of its own. */
const READS: readonly (keyof Store)[] = [
  "news",
  "lastPosition",
  "states",
  "folded",
  "base",
  "requestsAfter",
  "events",
  "newest",
  "find",
  "texts",
  "request",
  "newestRequest",
  "kept",
];

/** The same store; how long each read of it took is told, also of one that failed. */
export function timed(store: Store, told: (seconds: number) => void): Store {
  const measured = new Map(
    READS.map((name) => {
      const read = store[name] as (...args: unknown[]) => Promise<unknown>;
      return [name as string | symbol, (...args: unknown[]) => measure(() => read.apply(store, args), told)] as const;
    }),
  );
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = measured.get(name) ?? Reflect.get(target, name, target);
      return typeof value === "function" && !measured.has(name) ? (value.bind(target) as unknown) : value;
    },
  });
}

async function measure<T>(read: () => Promise<T>, told: (seconds: number) => void): Promise<T> {
  const begun = process.hrtime.bigint();
  try {
    return await read();
  } finally {
    told(Number(process.hrtime.bigint() - begun) / 1e9);
  }
}
