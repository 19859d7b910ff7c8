// `npm run s3:lock-check` as a process, and stores that it has to see through.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { start, type Outcome } from "../../lab/host/processes";
import { REPOSITORY } from "../../lab/host/tools";

/** Runs the script; credentials are those of `env`. */
export function lockCheck(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
  const loader = join(REPOSITORY, "node_modules", "tsx", "dist", "loader.mjs");
  return start(process.execPath, ["--import", loader, join(REPOSITORY, "scripts", "s3-lock-check.ts"), ...args], {
    cwd: REPOSITORY,
    env: { PATH: process.env.PATH, ...env },
  }).ended;
}

/** An HTTP server on loopback. */
export interface Served {
  /** http://127.0.0.1:PORT */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Serves requests, each with its whole body. */
export async function serve(
  handle: (request: IncomingMessage, body: Buffer, response: ServerResponse) => void | Promise<void>,
): Promise<Served> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const handled = (async () => handle(request, Buffer.concat(pieces), response))();
      handled.catch((error: unknown) => response.writeHead(500).end(String(error)));
    });
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
