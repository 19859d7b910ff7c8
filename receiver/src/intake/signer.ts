// Whose key signed a body. The VM is named inside it, so a look at the bytes only proposes keys; nothing is believed
// before one of them fits.
import { createSecretKey, type KeyObject } from "node:crypto";
import { deriveVmKey } from "@nexus-pull/contract";
import { isSignedBy, type Signed } from "./signature";

export interface VmName {
  readonly fleet: string;
  readonly vm: string;
}

const SOURCE = '"source"';
const NAMED =
  /"source"\s*:\s*"\/fleets\/([A-Za-z0-9][A-Za-z0-9._-]{0,62})\/vms\/([A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?)"/y;
/** A batch names one VM a hundred times; whoever names many wants our time. */
const PROPOSALS = 4;
const MATCHES = 200;

/** The VMs that a body seems to name; `text` has a character for each of its bytes. */
export function namedIn(text: string): VmName[] {
  const found: VmName[] = [];
  let matches = 0;
  for (let at = text.indexOf(SOURCE); at >= 0; at = text.indexOf(SOURCE, at + SOURCE.length)) {
    NAMED.lastIndex = at;
    const match = NAMED.exec(text);
    if (match === null) continue;
    const [, fleet = "", vm = ""] = match;
    if (!found.some((one) => one.fleet === fleet && one.vm === vm)) found.push({ fleet, vm });
    matches += 1;
    if (found.length === PROPOSALS || matches === MATCHES) break;
  }
  return found;
}

const CACHED = 20_000;

/** Derived keys, one for each operator secret, kept since an HMAC with a made key costs a fraction. */
export class VmKeys {
  private readonly cache = new Map<string, readonly KeyObject[]>();

  public constructor(private readonly secrets: readonly string[]) {}

  public of({ fleet, vm }: VmName): readonly KeyObject[] {
    const name = `${fleet}/${vm}`;
    const known = this.cache.get(name);
    if (known !== undefined) return known;
    const keys = this.secrets.map((secret) => createSecretKey(Buffer.from(deriveVmKey(secret, fleet, vm), "ascii")));
    if (this.cache.size >= CACHED) this.cache.clear();
    this.cache.set(name, keys);
    return keys;
  }

  public signs(name: VmName, signed: Signed, body: Uint8Array): boolean {
    return this.of(name).some((key) => isSignedBy(key, signed, body));
  }
}

/** How many bytes may be hashed a second to find out whose key it was: an answer that is nice to have. */
const BYTES_A_SECOND = 20_000_000;

/** Finds the signer among VMs that are known, within a budget. */
export class SignerSearch {
  private left = BYTES_A_SECOND;
  private since = 0;

  public constructor(private readonly keys: VmKeys) {}

  public find(known: Iterable<VmName>, signed: Signed, body: Uint8Array, nowMs: number): VmName | undefined {
    if (nowMs - this.since >= 1000) {
      this.since = nowMs;
      this.left = BYTES_A_SECOND;
    }
    for (const name of known) {
      // A short body costs a block or two as well.
      this.left -= body.byteLength + 1000;
      if (this.left < 0) return undefined;
      if (this.keys.signs(name, signed, body)) return name;
    }
    return undefined;
  }
}
