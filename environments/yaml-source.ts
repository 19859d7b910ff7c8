// YAML with the place of every value: js-yaml's load() has none, its events do.
import {
  constructFromEvents,
  EVENT_ID,
  getScalarValue,
  parseEvents,
  YAMLException,
  type Event,
  type ScalarEvent,
} from "js-yaml";

/** A place in a file, both counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A mapping's key that is there twice. */
export interface DuplicateKey extends Position {
  /** Path of the value, as an array of keys and indices. */
  readonly path: readonly string[];
}

/** One YAML document. */
export interface YamlSource {
  readonly value: unknown;
  readonly duplicates: readonly DuplicateKey[];
  /** Place of a value; of a mapping's value when `of` is "key", its key. Climbs up to what has a place. */
  locate(path: readonly string[], of?: "key" | "value"): Position;
}

/** YAML that cannot be read. */
export class YamlSyntaxError extends Error {
  public constructor(
    reason: string,
    public readonly position: Position,
  ) {
    super(reason);
    this.name = "YamlSyntaxError";
  }
}

interface Place {
  readonly key?: number;
  readonly value?: number;
}

const pointer = (path: readonly string[]): string => path.map((part) => `/${part}`).join("");

/** Walks js-yaml's flat list of events and notes where each value and key begins. */
class Walk {
  public readonly places = new Map<string, Place>();
  public readonly duplicates: { readonly path: readonly string[]; readonly offset: number }[] = [];
  private next = 0;

  public constructor(
    private readonly text: string,
    private readonly events: readonly Event[],
  ) {}

  /** A node with all below it. */
  public node(path: readonly string[], key?: number): void {
    const event = this.events[this.next++];
    if (event === undefined) return;
    const value = startOf(event);
    this.places.set(pointer(path), { ...(key === undefined ? {} : { key }), ...(value < 0 ? {} : { value }) });
    if (event.type === EVENT_ID.SEQUENCE) this.sequence(path);
    if (event.type === EVENT_ID.MAPPING) this.mapping(path);
  }

  private sequence(path: readonly string[]): void {
    for (let index = 0; !this.atEnd(); index++) this.node([...path, String(index)]);
  }

  private mapping(path: readonly string[]): void {
    const seen = new Set<string>();
    while (!this.atEnd()) {
      const event = this.events[this.next];
      const scalar = event?.type === EVENT_ID.SCALAR ? event : undefined;
      const name = scalar === undefined ? "?" : getScalarValue(this.text, scalar);
      const offset = event === undefined ? -1 : startOf(event);
      // A key that is a list or a mapping: only its end matters, the schema refuses it.
      this.node([...path, "\0key"]);
      if (seen.has(name)) this.duplicates.push({ path: [...path, name], offset });
      seen.add(name);
      this.node([...path, name], offset);
    }
  }

  /** Whether the collection ends here; steps over its end. */
  private atEnd(): boolean {
    const event = this.events[this.next];
    if (event !== undefined && event.type !== EVENT_ID.POP) return false;
    this.next++;
    return true;
  }
}

function startOf(event: Event): number {
  switch (event.type) {
    case EVENT_ID.SCALAR:
      return quoteStart(event);
    case EVENT_ID.SEQUENCE:
    case EVENT_ID.MAPPING:
      return event.start;
    case EVENT_ID.ALIAS:
      // The name begins after the asterisk.
      return event.anchorStart - 1;
    default:
      return -1;
  }
}

// The value of a quoted scalar begins after the quote; people look for the quote.
function quoteStart({ valueStart, style }: ScalarEvent): number {
  return style === 2 || style === 3 ? Math.max(valueStart - 1, 0) : valueStart;
}

function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lines = before.split("\n");
  return { line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
}

/**
 * Reads one YAML 1.2 document.
 *
 * @throws YamlSyntaxError - it is not YAML, or not exactly one document
 */
export function readYaml(source: string): YamlSource {
  const text = source.replace(/^\uFEFF/, "");
  try {
    const events = parseEvents(text, {});
    if (events.filter(({ type }) => type === EVENT_ID.DOCUMENT).length > 1) {
      throw new YamlSyntaxError("more than one document in the file", positionOf(text, 0));
    }
    // json: duplicate keys are reported by the walk, all of them, and not only the first.
    const [value] = constructFromEvents(events, { source: text, json: true });
    const walk = new Walk(text, events.slice(1));
    walk.node([]);
    return {
      value,
      duplicates: walk.duplicates.map(({ path, offset }) => ({ path, ...positionOf(text, offset) })),
      locate: (path, of) => locate(text, walk.places, path, of),
    };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { line = 0, column = 0 } = error.mark ?? {};
    throw new YamlSyntaxError(error.reason, { line: line + 1, column: column + 1 });
  }
}

function locate(
  text: string,
  places: ReadonlyMap<string, Place>,
  path: readonly string[],
  of: "key" | "value" = "value",
): Position {
  for (let length = path.length; length >= 0; length--) {
    const place = places.get(pointer(path.slice(0, length)));
    const offset = of === "key" && length === path.length ? (place?.key ?? place?.value) : (place?.value ?? place?.key);
    if (offset !== undefined) return positionOf(text, offset);
  }
  return { line: 1, column: 1 };
}
