import type { Item } from "./delivery";

/** Every list that is given must have a match; `*` stands for any run of characters. */
export interface Filter {
  /** Without prefix, e.g. run.failed or vm.*. */
  readonly types?: readonly string[];
  readonly fleets?: readonly string[];
  readonly vms?: readonly string[];
  /** The VM's phase now. */
  readonly phases?: readonly string[];
}

function toPattern(glob: string): RegExp {
  const text = glob.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, ".*");
  return new RegExp(`^${text}$`, "s");
}

export function compileFilter(filter: Filter = {}): (item: Item) => boolean {
  const lists = (["types", "fleets", "vms", "phases"] as const).map((key) => filter[key]?.map(toPattern));
  return ({ record, state }) => {
    const values = [record.type, record.fleet, record.vm, state?.phase ?? ""];
    return lists.every((patterns, index) => patterns?.some((one) => one.test(values[index] ?? "")) ?? true);
  };
}
