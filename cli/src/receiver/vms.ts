// VMs as the receiver has them, and how people name them: by name, fleet and name, address or instance id.
import { type Access, read } from "@nexus-pull/client";
import { CliError } from "../errors";
import { EXIT } from "../exit-codes";
import { quote } from "../text";

export interface Vm {
  readonly fleet: string;
  readonly vm: string;
  readonly instance_id?: string;
  readonly phase: string;
  readonly reason: string;
  readonly message?: string;
  readonly since: string;
  readonly last_heard?: string;
  readonly ref?: string;
  readonly intended_sha?: string;
  readonly applied_sha?: string;
  readonly outcome?: string;
  readonly addresses?: readonly string[];
  readonly impostors?: number;
  readonly acknowledged?: string;
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message?: string;
  readonly lastTransitionTime: string;
}

export interface StoredEvent {
  readonly position: number;
  readonly received: string;
  readonly event: { readonly type: string; readonly time?: string; readonly data: Readonly<Record<string, unknown>> };
}

export interface VmDetail extends Vm {
  readonly conditions: readonly Condition[];
  readonly runs: readonly Readonly<Record<string, unknown>>[];
  readonly timeline: readonly StoredEvent[];
}

export interface StatusPage {
  readonly summary: { readonly total: number; readonly phases: Readonly<Record<string, number>> };
  readonly vms: readonly Vm[];
  readonly next?: string;
}

export interface Filter {
  readonly fleet?: string;
  readonly q?: string;
  readonly phase?: string;
}

const PAGE = 1000;
/** More than any receiver serves: a page that repeats its cursor must not loop for ever. */
const MOST_PAGES = 200;

/** All VMs that a filter takes, and the summary. */
export async function allVms(
  access: Access,
  filter: Filter = {},
): Promise<{ summary: StatusPage["summary"]; vms: Vm[] }> {
  const vms: Vm[] = [];
  let summary: StatusPage["summary"] | undefined;
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const got = await read<StatusPage>(access, "/status", { ...filter, limit: PAGE, cursor });
    vms.push(...got.vms);
    summary ??= got.summary;
    cursor = got.next;
    if (cursor === undefined) break;
  }
  return { summary: summary ?? { total: 0, phases: {} }, vms };
}

/** The VMs that a word names. Several when a name is in several fleets, or an address was used twice. */
export async function find(access: Access, word: string, fleet?: string): Promise<Vm[]> {
  const slash = word.indexOf("/");
  const [inFleet, name] = slash > 0 ? [word.slice(0, slash), word.slice(slash + 1)] : [fleet, word];
  const { vms } = await allVms(access, { q: name, fleet: inFleet });
  const named = vms.filter((one) => one.vm === name);
  const matches =
    named.length > 0 ? named : vms.filter((one) => one.instance_id === name || one.addresses?.includes(name) === true);
  // The machine that went must not answer for the one that has its address now.
  const living = matches.filter((one) => one.phase !== "Retired");
  return living.length > 0 ? living : matches;
}

/** @throws CliError - more than one is named so */
export function onlyOne(word: string, found: readonly Vm[]): Vm | undefined {
  if (found.length < 2) return found[0];
  const names = found.map((one) => `${one.fleet}/${one.vm}`).join(", ");
  throw new CliError("vm_ambiguous", `${quote(word)} may be ${names}`, "say which: fleet/name, or --fleet", EXIT.usage);
}

/** @throws CliError - no VM, or several */
export async function findOne(access: Access, word: string, fleet?: string): Promise<Vm> {
  const vm = onlyOne(word, await find(access, word, fleet));
  if (vm !== undefined) return vm;
  throw new CliError(
    "vm_unknown",
    `the receiver knows no VM ${quote(word)}`,
    "nexus-pull status lists those it knows",
    EXIT.unknown,
  );
}

export async function detailOf(access: Access, { fleet, vm }: Pick<Vm, "fleet" | "vm">): Promise<VmDetail> {
  return read<VmDetail>(access, `/status/${encodeURIComponent(vm)}`, { fleet });
}
