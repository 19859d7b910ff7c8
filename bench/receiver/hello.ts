// What a receiver cannot be faster than: a server of node:http that looks at nothing.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const server = createServer((_request, response) => {
  response.end("hello");
});
server.listen(0, "127.0.0.1", () => process.stderr.write(`port ${(server.address() as AddressInfo).port}\n`));
