import type { VmState } from "../domain/state";
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

type Fields = readonly (readonly [key: keyof Filter, value: string])[];

function compile(filter: Filter): (fields: Fields) => boolean {
  const patterns = new Map(Object.entries(filter).map(([key, globs]) => [key, (globs as string[]).map(toPattern)]));
  return (fields) => fields.every(([key, value]) => patterns.get(key)?.some((one) => one.test(value)) ?? true);
}

export function compileFilter(filter: Filter = {}): (item: Item) => boolean {
  const holds = compile(filter);
  return ({ record: { type, fleet, vm }, state }) => holds([...ofVm(fleet, vm, state?.phase ?? ""), ["types", type]]);
}

/** The same for a VM without an event: types say nothing of it. */
export function compileScope(filter: Filter = {}): (state: VmState) => boolean {
  const holds = compile(filter);
  return ({ fleet, vm, phase }) => holds(ofVm(fleet, vm, phase));
}

const ofVm = (fleet: string, vm: string, phase: string): Fields => [
  ["fleets", fleet],
  ["vms", vm],
  ["phases", phase],
];
