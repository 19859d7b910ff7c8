// An HTTP proxy on loopback that passes everything on, and loses one answer: what was asked for has happened, and nobody knows.
import { createServer, request as send, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface LosingProxy {
  /** http://127.0.0.1:PORT */
  readonly endpoint: string;
  /** Answers that were lost so far. */
  readonly lost: number;
  stop(): Promise<void>;
}

/** Starts it; the answer to the first request that `loses` picks is not passed on, its connection is dropped. */
export async function losingProxy(
  target: string,
  loses: (request: { readonly method: string; readonly path: string }) => boolean,
): Promise<LosingProxy> {
  let lost = 0;
  const pass = (incoming: IncomingMessage, response: ServerResponse): void => {
    const [path = ""] = (incoming.url ?? "").split("?");
    const { method = "", headers } = incoming;
    // The signature covers the Host header, so it stays what the client wrote.
    const outgoing = send(new URL(incoming.url ?? "/", target), { method, headers }, (answer) => {
      if (lost === 0 && loses({ method, path })) {
        lost += 1;
        answer.resume().once("end", () => incoming.socket.destroy());
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.once("error", () => incoming.socket.destroy());
    incoming.pipe(outgoing);
  };
  const server = createServer(pass);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get lost() {
      return lost;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
