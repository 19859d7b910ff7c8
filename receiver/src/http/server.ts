// The server below the routes, with what it takes from clients that are slow.
import { createServer, type RequestListener, type Server } from "node:http";

const LIMITS = {
  /** A client that sends its request slower than this is cut off. */
  requestTimeout: 30_000,
  headersTimeout: 10_000,
  /** How often it is looked whether a client is too slow; Node would take half a minute. */
  connectionsCheckingInterval: 5_000,
  /** Longer than most proxies keep a connection that they do not use: it is theirs to end. */
  keepAliveTimeout: 72_000,
};

export function serverOf(listener: RequestListener): Server {
  return createServer(LIMITS, listener);
}
