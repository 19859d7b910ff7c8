// What a power loss leaves. A trace of the program's system calls says in which order it wrote, flushed and answered; at any
// place in it, a file has the bytes that were flushed and no others, and is there only if its folder was flushed after it
// was made.

export interface Moment {
  /** Addresses of the clients that had their 200 by then. */
  readonly answered: ReadonlySet<string>;
  /** Name and content of what is there after the power comes back. */
  readonly files: ReadonlyMap<string, Buffer>;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", v: "\v", f: "\f", '"': '"', "\\": "\\" };

/** The bytes of a string as strace -x writes it. */
export function bytesOf(quoted: string): Buffer {
  if (/^(?:\\x[0-9a-f]{2})*$/.test(quoted)) return Buffer.from(quoted.replaceAll("\\x", ""), "hex");
  const text = quoted.replace(/\\(?:x([0-9a-f]{2})|([0-7]{1,3})|(.))/g, (_all, hex, octal, escape) => {
    if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
    return octal === undefined ? (ESCAPES[String(escape)] ?? "") : String.fromCharCode(parseInt(octal, 8));
  });
  return Buffer.from(text, "latin1");
}

/** Lines of one call each: what strace splits because another thread came in between is put together, where it ended. */
export function* callsOf(trace: string): Generator<string> {
  const begun = new Map<string, string>();
  for (const line of trace.split("\n")) {
    const [, thread = "", call = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>/.exec(call);
    if (call.endsWith("<unfinished ...>")) begun.set(thread, call.slice(0, -"<unfinished ...>".length).trimEnd());
    else if (resumed === null) yield call;
    else yield (begun.get(thread) ?? "") + call.slice(resumed[0].length);
  }
}

interface Write {
  readonly offset: number;
  readonly bytes: Buffer;
}

class TracedFile {
  private durable = Buffer.alloc(0);
  private pending: (Write | { readonly length: number })[] = [];
  /** Its name survives. */
  public isLinked = false;

  public write(offset: number, bytes: Buffer): void {
    this.pending.push({ offset, bytes });
  }
  public truncate(length: number): void {
    this.pending.push({ length });
  }
  public flush(): void {
    for (const change of this.pending) {
      if ("length" in change) this.resize(change.length);
      else {
        this.resize(Math.max(this.durable.length, change.offset + change.bytes.length));
        change.bytes.copy(this.durable, change.offset);
      }
    }
    this.pending = [];
  }
  private resize(length: number): void {
    if (length === this.durable.length) return;
    const resized = Buffer.alloc(length);
    this.durable.copy(resized);
    this.durable = resized;
  }
  public get content(): Buffer {
    return Buffer.from(this.durable);
  }
}

const MADE = /^openat\(AT_FDCWD[^,]*, "([^"]+)", [^)]*O_CREAT[^)]*\) = \d/;
const WROTE = /^pwrite64\(\d+<([^>]+)>, "([^"]*(?:\\"[^"]*)*)", \d+, (\d+)\)\s+= (\d+)/;
const CUT = /^ftruncate\(\d+<([^>]+)>, (\d+)\)\s+= 0/;
const FLUSHED = /^f(?:data)?sync\(\d+<([^>]+)>\)\s+= 0/;
const ANSWERED = /^writev?\(\d+<TCP:\[[^\]]*->(127[\d.]+):\d+\]>, .*?"HTTP\/1\.1 200/;
const RENAMED = /^rename\("([^"]+)", "([^"]+)"\)\s+= 0/;
const REMOVED = /^unlink\("([^"]+)"\)\s+= 0/;

/** The folder as the trace's calls leave it. */
class Disk {
  private readonly files = new Map<string, TracedFile>();

  public constructor(private readonly folder: string) {}

  private of(path: string): TracedFile | undefined {
    if (!path.startsWith(`${this.folder}/`) || path.endsWith("-shm")) return undefined;
    const file = this.files.get(path) ?? new TracedFile();
    this.files.set(path, file);
    return file;
  }

  private readonly effects: readonly (readonly [RegExp, (...parts: string[]) => void])[] = [
    [MADE, (path) => this.of(path ?? "")],
    [WROTE, (path, bytes, offset) => this.of(path ?? "")?.write(Number(offset), bytesOf(bytes ?? ""))],
    [CUT, (path, length) => this.of(path ?? "")?.truncate(Number(length))],
    [FLUSHED, (path) => this.flush(path ?? "")],
    [RENAMED, (from, to) => this.rename(from ?? "", to ?? "")],
    [REMOVED, (path) => this.files.delete(path ?? "")],
  ];

  /** Its new name survives once the folder is flushed. */
  private rename(from: string, to: string): void {
    const file = this.of(from);
    this.files.delete(from);
    if (file === undefined) return;
    file.isLinked = false;
    this.files.set(to, file);
  }

  private flush(path: string): void {
    if (path === this.folder) for (const file of this.files.values()) file.isLinked = true;
    else this.of(path)?.flush();
  }

  public call(call: string): void {
    for (const [pattern, effect] of this.effects) {
      const [, ...parts] = pattern.exec(call) ?? [];
      if (parts.length > 0) effect(...parts);
    }
  }

  public left(): ReadonlyMap<string, Buffer> {
    const linked = [...this.files].filter(([, { isLinked }]) => isLinked);
    return new Map(linked.map(([path, file]) => [path, file.content]));
  }
}

/** The moments right after every `each`-th answer: when most is promised and least is flushed. */
export function* momentsOf(trace: string, folder: string, each: number): Generator<Moment> {
  const disk = new Disk(folder);
  const answered = new Set<string>();
  for (const call of callsOf(trace)) {
    disk.call(call);
    const [, address] = ANSWERED.exec(call) ?? [];
    if (address === undefined) continue;
    answered.add(address);
    if (answered.size % each === 0) yield { answered: new Set(answered), files: disk.left() };
  }
}
