// What a live view cannot be faster than: a server that answers whoever posts, and then writes what was posted to all who watch.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const watching = new Set<ServerResponse>();
let frames = 0;

function fanOut(body: Buffer): void {
  frames += 1;
  const frame = Buffer.from(`id: ${frames}\ndata: ${body.toString("utf8")}\n\n`);
  for (const { socket } of watching) socket?.write(frame);
}

const server = createServer((request, response) => {
  if (request.method === "GET") {
    watching.add(response);
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200, { "content-type": "text/event-stream", connection: "close" });
    response.write(": from here on\n\n");
    return;
  }
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.once("end", () => {
    response.end("hello");
    setImmediate(fanOut, Buffer.concat(parts));
  });
});
server.listen(0, "127.0.0.1", () => process.stderr.write(`port ${(server.address() as AddressInfo).port}\n`));
