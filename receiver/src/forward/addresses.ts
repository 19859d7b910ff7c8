// Which addresses a forwarder may connect to, decided on the address that is connected to: a name may resolve to anything.
import { lookup as resolve, type LookupAddress } from "node:dns";
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { DeliveryError } from "./delivery";

/** Whether an address is one of the internet's, and not of this host, its network or a special use. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const plain = ipaddr.process(address);
  // Of IPv6 only 2000::/3 is the internet's; what else counts as unicast is reserved, e.g. ::7f00:1.
  return plain.range() === "unicast" && (plain.kind() === "ipv4" || (plain.toByteArray()[0] ?? 0) >> 5 === 1);
}

const refusal = (host: string, address: string): DeliveryError =>
  new DeliveryError(
    `${host} is ${host === address ? "" : `${address}, `}not a public address; forward_private=on allows it`,
    false,
  );

/** @throws DeliveryError for a URL that names an address which is not public */
export function checkLiteral(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isPublic(host)) throw refusal(host, host);
}

type Done = (error: Error | null, address: LookupAddress[] | string, family?: number) => void;

/** dns.lookup that gives public addresses only: all of a name's must be. */
export function lookupPublic(host: string, options: { readonly all?: boolean }, done: Done): void {
  resolve(host, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error !== null || first === undefined) return done(error ?? new Error(`${host} has no address`), []);
    const bad = addresses.find(({ address }) => !isPublic(address));
    if (bad !== undefined) return done(refusal(host, bad.address), []);
    if (options.all === true) done(null, addresses);
    else done(null, first.address, first.family);
  });
}
