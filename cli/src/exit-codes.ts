// What an exit status of nexus-pull says. README.md has the table; a test holds the two equal.
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  receiver: 3,
  unknown: 4,
  blocker: 5,
  timeout: 124,
  interrupted: 130,
} as const;

export const MEANINGS: readonly (readonly [status: number, meaning: string])[] = [
  [EXIT.ok, "all is as asked for"],
  [EXIT.failed, "wait: a VM failed; audit: something works only with a change; doctor: a check failed"],
  [EXIT.usage, "wrong arguments or settings; nothing was done"],
  [EXIT.receiver, "the receiver cannot be reached, or refuses"],
  [EXIT.unknown, "wait: a VM is still unknown to the receiver at the deadline"],
  [EXIT.blocker, "audit: something does not work in pull, or silently does something else"],
  [EXIT.timeout, "wait: the deadline passed while a VM was neither Configured nor Failed"],
  [EXIT.interrupted, "interrupted by Ctrl-C; nothing is left half done"],
];
