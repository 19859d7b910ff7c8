/** Calls as soon as what runs now is done when it has not for a while, else when the while is over. */
export function paced(ms: number, call: () => void): () => void {
  let last = -Infinity;
  let isDue = false;
  const now = (): void => {
    isDue = false;
    last = performance.now();
    call();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    const left = last + ms - performance.now();
    if (left <= 0) setImmediate(now);
    else setTimeout(now, left).unref();
  };
}
