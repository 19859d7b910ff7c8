import { createHash, timingSafeEqual } from "node:crypto";
import { BlockList, isIP, isIPv6 } from "node:net";
import { hostname } from "node:os";
import type { FastifyRequest } from "fastify";
import { Refusal } from "../engine/refusal";
import { printable } from "../intake/notes";

/** Who may read without a token: private addresses, nobody, everybody. */
export type Readers = "private" | "nobody" | "everybody";

const near = new BlockList();
for (const [address, prefix] of [
  ["127.0.0.0", 8],
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["169.254.0.0", 16],
] as const)
  near.addSubnet(address, prefix, "ipv4");
for (const [address, prefix] of [
  ["::1", 128],
  ["fc00::", 7],
  ["fe80::", 10],
] as const)
  near.addSubnet(address, prefix, "ipv6");

/** An address as people write it: an IPv4 one that came by an IPv6 socket loses its prefix. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "").replace(/%.*$/, "");
}

/** Whom a limit is for: of IPv6, where everybody has as many addresses as he likes, the network of one site. */
export function sourceOf(address: string): string {
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = plain.split("::");
  const [front, back] = [head, tail ?? ""].map((part) => (part === "" ? [] : part.split(":"))) as [string[], string[]];
  const zeros = tail === undefined ? [] : Array<string>(Math.max(8 - front.length - back.length, 0)).fill("0");
  const groups = [...front, ...zeros, ...back].slice(0, 4).map((group) => parseInt(group, 16).toString(16));
  return `${groups.join(":")}::/64`;
}

export function isPrivate(address: string): boolean {
  const plain = plainAddress(address);
  return near.check(plain, isIPv6(plain) ? "ipv6" : "ipv4");
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** What decides on who reads: settings, and names by which the receiver is asked for. */
export interface ReadRules {
  readonly readers: Readers;
  readonly token?: string;
  /** Names of this receiver beside its addresses, localhost and the system's own. */
  readonly hosts: readonly string[];
}

const own = hostname().toLowerCase();

/** A page of somebody else's, whose name was made to lead here, asks under that name: a browser in the office is no reader. */
function isOwnHost({ headers }: FastifyRequest, hosts: readonly string[]): boolean {
  // Of HTTP/1.0, where none is wanted. A browser always has one.
  if (headers.host === undefined) return true;
  const name = headers.host.toLowerCase().replace(/:\d+$/, "").replace(/\.$/, "");
  if (isIP(name.replace(/^\[|\]$/g, "")) !== 0 || name === "localhost") return true;
  return name === own || name === own.split(".")[0] || hosts.includes(name);
}

/** Whoever comes by a proxy that is not named may be anybody. One that is named adds whom it saw to its own address. */
function isForwarded({ headers, ips = [] }: FastifyRequest): boolean {
  const says = headers["x-forwarded-for"] ?? headers["forwarded"] ?? headers["x-real-ip"];
  return says !== undefined && ips.length < 2;
}

function isNear(request: FastifyRequest, hosts: readonly string[]): boolean {
  return isPrivate(request.ip) && !isForwarded(request) && isOwnHost(request, hosts);
}

export function mayRead(request: FastifyRequest, { readers, token, hosts }: ReadRules): boolean {
  if (readers === "everybody" || (readers === "private" && isNear(request, hosts))) return true;
  const [, given] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
  // Digests have one length, so that the comparison tells nothing of the token's.
  return token !== undefined && given !== undefined && timingSafeEqual(digest(given), digest(token));
}

/** Why an address that could read may not. */
function whyNot(request: FastifyRequest, { readers, hosts }: ReadRules): string | undefined {
  if (readers !== "private" || !isPrivate(request.ip)) return undefined;
  if (isForwarded(request))
    return "it came by a proxy that trusted_proxies does not name, or without its X-Forwarded-For: it may be anybody's";
  return isOwnHost(request, hosts)
    ? undefined
    : `asked for under the name ${printable(request.headers.host ?? "", 100)}, which is not in hosts`;
}

export function requireReader(request: FastifyRequest, rules: ReadRules): void {
  if (mayRead(request, rules)) return;
  const detail = whyNot(request, rules);
  throw new Refusal("read_unauthorized", detail === undefined ? {} : { detail });
}
