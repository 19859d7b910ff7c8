// Asking the receiver. The reader's token goes into a header, never into an address: an EventSource could not send one, so
// the live view is read by fetch.

export class Unauthorized extends Error {}
export class NotFound extends Error {}

const TOKEN = "nexus-pull-token";

/** Kept for this tab only. */
export const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  /** @param {string} text */
  set: (text) => (text === "" ? sessionStorage.removeItem(TOKEN) : sessionStorage.setItem(TOKEN, text)),
};

/**
 * @param {string} path
 * @param {RequestInit} [init]
 */
async function ask(path, init = {}) {
  const text = token.get();
  const headers = { ...init.headers, ...(text === "" ? {} : { authorization: `Bearer ${text}` }) };
  const response = await fetch(path, { ...init, headers, cache: "no-store", credentials: "omit" });
  if (response.ok) return response;
  if (response.status === 401) throw new Unauthorized("the receiver wants a token from here");
  // A name that no VM can have is refused before it is looked for.
  if (response.status === 404 || response.status === 400) throw new NotFound("unknown");
  throw new Error(`${path}: ${response.status}`);
}

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
export async function getJson(path, signal) {
  return (await ask(path, { signal })).json();
}

/** Longer than the receiver is ever silent: it sends something every 15 seconds. */
const SILENCE_MS = 40_000;
const HIDDEN_MS = 60_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/** @typedef {"connecting" | "live" | "waiting" | "unauthorized"} LinkState */

/**
 * Splits what comes in into frames.
 * @param {(id: string | undefined, data: string) => void} onFrame
 */
export function parser(onFrame) {
  let left = "";
  return (/** @type {string} */ piece) => {
    const blocks = (left + piece).split("\n\n");
    left = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n");
      const id = lines.find((line) => line.startsWith("id: "))?.slice(4);
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
      if (data.length > 0) onFrame(id, data.join("\n"));
    }
  };
}

/** A live view that comes back by itself, and goes on where it was. */
export class Link {
  /** @type {string | undefined} */
  #lastId;
  #wait = FIRST_WAIT_MS;
  #closed = false;
  /** @type {AbortController | undefined} */
  #abort;
  /** @type {(() => void) | undefined} */
  #wake;

  /**
   * @param {string} path
   * @param {{ frame: (frame: any) => void, state: (state: LinkState) => void }} on
   */
  constructor(path, on) {
    this.path = path;
    this.on = on;
    // A tab that nobody sees for long lets go of its connection, of which a browser has six for all tabs.
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let hiding;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(hiding);
      if (document.hidden) hiding = setTimeout(() => this.#abort?.abort(), HIDDEN_MS);
      else this.retry();
    });
    window.addEventListener("online", () => this.retry());
    void this.#run();
  }

  /** Now, and not when the pause is over. */
  retry() {
    this.#wait = FIRST_WAIT_MS;
    this.#wake?.();
  }

  close() {
    this.#closed = true;
    this.#abort?.abort();
    this.#wake?.();
  }

  async #run() {
    while (!this.#closed) {
      let next = /** @type {LinkState} */ ("waiting");
      try {
        this.on.state("connecting");
        await this.#read();
      } catch (error) {
        if (error instanceof Unauthorized) next = "unauthorized";
      }
      if (this.#closed) return;
      if (!document.hidden) this.on.state(next);
      await this.#pause(next === "unauthorized" || document.hidden);
    }
  }

  /** @param {boolean} forLong */
  async #pause(forLong) {
    const wait = this.#wait * (0.75 + Math.random() / 2);
    this.#wait = Math.min(LONGEST_WAIT_MS, this.#wait * 2);
    await new Promise((resolve) => {
      this.#wake = () => resolve(undefined);
      if (!forLong) setTimeout(resolve, wait);
    });
    this.#wake = undefined;
  }

  async #read() {
    const abort = (this.#abort = new AbortController());
    const headers = this.#lastId === undefined ? {} : { "last-event-id": this.#lastId };
    const response = await ask(this.path, { headers: /** @type {HeadersInit} */ (headers), signal: abort.signal });
    const parse = parser((id, data) => {
      this.on.frame(JSON.parse(data));
      this.#lastId = id ?? this.#lastId;
    });
    this.on.state("live");
    this.#wait = FIRST_WAIT_MS;
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const silent = setTimeout(() => abort.abort(), SILENCE_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(silent));
      if (done) return;
      parse(decoder.decode(value, { stream: true }));
    }
  }
}
