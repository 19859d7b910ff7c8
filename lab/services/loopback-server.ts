// What every small server of the lab has: loopback, a free port, an end.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export class LoopbackServer {
  /** Whether it hangs up on whoever calls: to a guest a closed port of this machine looks like that, too. */
  public down = false;
  private readonly server: Server;

  protected constructor(handler: Handler) {
    this.server = createServer((request, response) => {
      if (this.down) request.socket.destroy();
      else handler(request, response);
    });
  }

  public get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  public async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  public async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}
