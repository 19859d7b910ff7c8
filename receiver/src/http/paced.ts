/** Calls as soon as what runs now is done when it has not for a while, else when the while is over. */
export function paced(ms: number, call: () => void): () => void {
  let last = -Infinity;
  let isDue = false;
  const now = (): void => {
    isDue = false;
    last = performance.now();
    call();
  };
  const whenOver = (): void => {
    const left = last + ms - performance.now();
    // A timer may be early: its milliseconds are whole ones, and count from when the event loop's turn began.
    if (left > 0) setTimeout(whenOver, Math.ceil(left)).unref();
    else now();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    if (last + ms <= performance.now()) setImmediate(now);
    else whenOver();
  };
}
