import { createHash, timingSafeEqual } from "node:crypto";
import { BlockList, isIPv6 } from "node:net";
import type { FastifyRequest } from "fastify";
import { Refusal } from "../engine/refusal";

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

export function isPrivate(address: string): boolean {
  const plain = plainAddress(address);
  return near.check(plain, isIPv6(plain) ? "ipv6" : "ipv4");
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

export function mayRead(request: FastifyRequest, readers: Readers, token: string | undefined): boolean {
  if (readers === "everybody" || (readers === "private" && isPrivate(request.ip))) return true;
  const [, given] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
  // Digests have one length, so that the comparison tells nothing of the token's.
  return token !== undefined && given !== undefined && timingSafeEqual(digest(given), digest(token));
}

export function requireReader(request: FastifyRequest, readers: Readers, token: string | undefined): void {
  if (!mayRead(request, readers, token)) throw new Refusal("read_unauthorized");
}
