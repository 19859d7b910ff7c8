// Whether a store really locks: what OpenTofu's S3 lock relies on, tried. Pure but for the store that it is given.

/** What a store answered to one request. */
export interface Answer {
  /** HTTP status; 0: none. */
  readonly status: number;
  /** The store's own code and message, or why there was no answer. */
  readonly said: string;
  /** What is there, of a read. */
  readonly body?: string;
  /** The request did not reach the store. */
  readonly unsent?: boolean;
}

/** The three requests that OpenTofu's lock is made of. */
export interface Store {
  /** PUT with `If-None-Match: *`: writes unless something is there. */
  create(key: string, body: string): Promise<Answer>;
  read(key: string): Promise<Answer>;
  remove(key: string): Promise<Answer>;
}

/** The end of a probe. */
export interface Verdict {
  readonly verdict: "locks" | "does_not_lock" | "cannot_tell";
  /** What was seen. */
  readonly why: string;
  /** The answer that stood in the way, of a probe that cannot tell. */
  readonly answer?: Answer;
  /** Objects that could not be removed again. */
  readonly left: readonly string[];
}

export interface ProbeOptions {
  /** Names a new object: used once. */
  readonly newKey: () => string;
  readonly rounds: number;
  readonly racers: number;
  /** Told what was found on the way. */
  readonly note: (line: string) => void;
}

type Finding = Omit<Verdict, "left">;

const won = ({ status }: Answer): boolean => status >= 200 && status < 300;
// Amazon answers 409 to one that comes while another one is being written: refused all the same.
const refused = ({ status }: Answer): boolean => status === 412 || status === 409;

const doesNot = (why: string): Finding => ({ verdict: "does_not_lock", why });
const unclear = (why: string, answer?: Answer): Finding => ({ verdict: "cannot_tell", why, answer });

/** One after the other: the second must be refused, and must have changed nothing. */
async function twoWrites(store: Store, key: string): Promise<Finding | undefined> {
  const first = await store.create(key, "first");
  if (first.status === 501) return doesNot(`it does not know If-None-Match (${first.said})`);
  if (!won(first)) return unclear("the first PUT was not accepted", first);
  const second = await store.create(key, "second");
  if (won(second)) return doesNot("the second PUT with If-None-Match was accepted: the header is ignored");
  if (!refused(second)) return unclear("the second PUT was neither accepted nor refused with 412", second);
  return holds(store, key, "first");
}

async function holds(store: Store, key: string, body: string): Promise<Finding | undefined> {
  const there = await store.read(key);
  if (there.body === body) return undefined;
  if (!won(there)) return unclear("what was written cannot be read", there);
  return doesNot("a PUT that was refused has overwritten what was there");
}

/** All at once: exactly one may win, and it must be the one that is kept. */
async function race(store: Store, key: string, racers: number): Promise<Finding | undefined> {
  const names = Array.from({ length: racers }, (_, index) => `racer ${index}`);
  const answers = await Promise.all(names.map((name) => store.create(key, name)));
  const winners = names.filter((_, index) => won(answers[index] as Answer));
  if (winners.length > 1) return doesNot(`${winners.length} of ${racers} PUTs at once were accepted`);
  const odd = answers.find((answer) => !won(answer) && !refused(answer));
  // It may have been written although its answer says nothing of the kind.
  if (odd !== undefined) return unclear("in a race a PUT was neither accepted nor refused with 412", odd);
  if (winners[0] === undefined) return unclear("in a race every PUT was refused");
  return holds(store, key, winners[0]);
}

async function races(store: Store, options: ProbeOptions): Promise<Finding | undefined> {
  for (let round = 1; round <= options.rounds; round += 1) {
    const finding = await race(store, options.newKey(), options.racers);
    if (finding !== undefined) return { ...finding, why: `${finding.why} (race ${round} of ${options.rounds})` };
  }
  return undefined;
}

async function find(store: Store, options: ProbeOptions): Promise<Finding> {
  const written = await twoWrites(store, options.newKey());
  if (written !== undefined) return written;
  options.note("two PUTs with If-None-Match: the first accepted, the second refused");
  const raced = await races(store, options);
  if (raced !== undefined) return raced;
  options.note(`${options.rounds} races of ${options.racers}: exactly one accepted in each`);
  return { verdict: "locks", why: "a second writer is refused, one after the other and at once" };
}

/** Whether a PUT that was answered so may have written something all the same. */
const mayBeThere = ({ status, unsent }: Answer): boolean => unsent !== true && !(status >= 400 && status < 500);

/** Tries the store, and removes what it wrote. */
export async function probe(store: Store, options: ProbeOptions): Promise<Verdict> {
  const written = new Set<string>();
  const noting: Store = {
    ...store,
    create: async (key, body) => {
      const answer = await store.create(key, body);
      if (mayBeThere(answer)) written.add(key);
      return answer;
    },
  };
  const finding = await find(noting, options);
  const left: string[] = [];
  for (const key of written) {
    const answer = await store.remove(key);
    if (!won(answer) && answer.status !== 404) left.push(key);
  }
  return { ...finding, left };
}
