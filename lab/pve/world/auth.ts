// Who calls, and what they may: tickets, tokens, privileges per path.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "./clock";
import type { Cluster } from "./cluster";
import { PveError } from "./errors";

/** `root@pam`, or `root@pam!lab` by token. */
export type UserId = string;

interface Ticket {
  readonly user: string;
  readonly csrf: string;
  readonly issued: number;
}

const TICKET_LIFE_MS = 2 * 3_600_000;

function same(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}

/** The proxy's 401: no body. */
export function unauthorized(text: string): PveError {
  return new PveError(401, text, { noBody: true });
}

/** Tickets that were handed out. */
export class Tickets {
  private readonly tickets = new Map<string, Ticket>();

  public constructor(private readonly clock: Clock) {}

  /** A new ticket for a user whose password was right. */
  public issue(user: string): { ticket: string; csrf: string } {
    const time = Math.floor(this.clock.now() / 1000)
      .toString(16)
      .toUpperCase();
    const ticket = `PVE:${user}:${time}::${randomBytes(64).toString("base64")}`;
    const csrf = `${time}:${randomBytes(32).toString("base64").replace(/=+$/, "")}`;
    this.tickets.set(ticket, { user, csrf, issued: this.clock.now() });
    return { ticket, csrf };
  }

  /** Whose ticket it is, unless it is too old. */
  public find(ticket: string): Ticket | undefined {
    const found = this.tickets.get(ticket);
    return found !== undefined && this.clock.now() - found.issued < TICKET_LIFE_MS ? found : undefined;
  }
}

/** Whether name and password belong together. */
export function passwordIsRight(cluster: Cluster, user: string, password: string): boolean {
  const known = cluster.users.get(user);
  return known !== undefined && same(known, password);
}

function byToken(cluster: Cluster, header: string): UserId {
  const match = /^PVEAPIToken=([^=]+)=(.+)$/.exec(header);
  const id = match?.[1] ?? "";
  const secret = cluster.tokens.get(id);
  if (secret === undefined || !same(secret, match?.[2] ?? "")) throw unauthorized("Authentication failed!");
  return id;
}

/**
 * Who calls.
 *
 * @throws PveError - 401
 */
export function authenticate(
  cluster: Cluster,
  tickets: Tickets,
  request: { readonly method: string; readonly headers: IncomingHttpHeaders },
): UserId {
  const { authorization, cookie } = request.headers;
  if (authorization?.startsWith("PVEAPIToken=") === true) return byToken(cluster, authorization);
  const value = /(?:^|;\s*)PVEAuthCookie=([^;]*)/.exec(cookie ?? "")?.[1];
  if (value === undefined || value === "") throw unauthorized("No ticket");
  const ticket = tickets.find(decodeURIComponent(value));
  if (ticket === undefined) throw unauthorized("Authentication failed!");
  const csrf = request.headers.csrfpreventiontoken;
  if (request.method !== "GET" && (typeof csrf !== "string" || !same(csrf, ticket.csrf)))
    throw unauthorized("Permission denied - invalid csrf token");
  return ticket.user;
}

/** Root itself, not one of its tokens: some options are for nobody else. */
export function isRoot(user: UserId): boolean {
  return user === "root@pam";
}

/** The privileges of a user on a path: the grants on the longest path that has any. */
function privilegesOn(cluster: Cluster, user: UserId, path: string): ReadonlySet<string> {
  const parts = path.split("/").filter((part) => part !== "");
  for (let length = parts.length; length >= 0; length -= 1) {
    const prefix = `/${parts.slice(0, length).join("/")}`;
    const grants = cluster.grants.filter((grant) => grant.who === user && grant.path === prefix);
    if (grants.length > 0) return new Set(grants.flatMap(({ privileges }) => [...privileges]));
  }
  return new Set();
}

/** Whether the user has one of these privileges on the path. */
export function mayAny(cluster: Cluster, user: UserId, path: string, privileges: readonly string[]): boolean {
  // A token without grants of its own is one without privilege separation: it may what root may.
  const isOwn = cluster.grants.some((grant) => grant.who === user);
  if ((user === "root@pam" || user.startsWith("root@pam!")) && !isOwn) return true;
  const held = privilegesOn(cluster, user, path);
  return privileges.some((privilege) => held.has(privilege));
}

/** 403 with what would have been needed. */
export function forbidden(path: string, privileges: readonly string[], joint = "|"): PveError {
  return new PveError(403, `Permission check failed (${path}, ${privileges.join(joint)})`);
}

/** @throws PveError - 403: none of these privileges */
export function needAny(cluster: Cluster, user: UserId, path: string, ...privileges: string[]): void {
  if (!mayAny(cluster, user, path, privileges)) throw forbidden(path, privileges);
}
