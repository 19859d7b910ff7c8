// The proxies' configurations that deploy/ has, tried: the files as they are, with other ports, names and certificates.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import type { ClientRequest } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { connect } from "node:tls";
import { requestMac } from "@nexus-pull/contract";
import { heartbeat, signed } from "../../lab/services/receiver-client";
import { Place, ReceiverProcess, ROOT, SECRET } from "../../lab/services/receiver-process";
import { type Running, start, until } from "../../lab/host/processes";
import { freePort } from "../../lab/services/s3";
import { describeUnless } from "../support/suites";
import { programMissing } from "./programs";

jest.setTimeout(240_000);

interface Answer {
  readonly status: number;
  readonly body: string;
}
interface Proxy {
  readonly name: "nginx" | "caddy";
  /** Writes its configuration into the folder and says how it is started. */
  configure(folder: string, port: number, upstream: string): readonly string[];
}

const example = (name: string): string => readFileSync(join(ROOT, "receiver", "deploy", name), "utf8");
/** Not by the proxy, but as one that the receiver trusts would say who asks. */
const DIRECT = { headers: { "x-forwarded-for": "127.0.0.1" } };
/** Each replacement has to find something: an example that changed must not pass untried. */
function adapt(text: string, changes: Readonly<Record<string, string>>): string {
  return Object.entries(changes).reduce((adapted, [from, to]) => {
    if (!adapted.includes(from)) throw new Error(`the example has no ${from}`);
    return adapted.replaceAll(from, to);
  }, text);
}

const PROXIES: readonly Proxy[] = [
  {
    name: "nginx",
    configure: (folder, port, upstream) => {
      const server = adapt(example("nginx.conf.example"), {
        "listen 443 ssl": `listen 127.0.0.1:${port} ssl`,
        "/etc/ssl/certs/receiver.example.pem": join(folder, "cert.pem"),
        "/etc/ssl/private/receiver.example.key": join(folder, "key.pem"),
        "http://127.0.0.1:9191": upstream,
      });
      const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
        (one) => `${one}_temp_path ${folder}/${one};`,
      );
      const http = `http { access_log off; ${temporary.join(" ")}\n${server}\n}`;
      const head = `user root; daemon off; pid ${folder}/pid; error_log stderr; worker_processes 1; events {}`;
      writeFileSync(join(folder, "nginx.conf"), `${head}\n${http}\n`);
      return ["-c", join(folder, "nginx.conf"), "-p", folder, "-e", "stderr"];
    },
  },
  {
    name: "caddy",
    configure: (folder, port, upstream) => {
      const site = adapt(example("Caddyfile.example"), {
        "receiver.example {": `https://127.0.0.1:${port} {\n\tbind 127.0.0.1\n\ttls ${folder}/cert.pem ${folder}/key.pem`,
        "reverse_proxy 127.0.0.1:9191": `reverse_proxy ${upstream.replace("http://", "")}`,
      });
      writeFileSync(join(folder, "Caddyfile"), `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${site}`);
      return ["run", "--config", join(folder, "Caddyfile"), "--adapter", "caddyfile"];
    },
  },
];

describe.each(PROXIES)("behind $name", ({ name, configure }) => {
  describeUnless(programMissing(name), "the example as it is", () => {
    const place = new Place();
    let receiver: ReceiverProcess | undefined;
    let proxy: Running | undefined;
    let port: number;

    beforeAll(async () => {
      const settings = join(place.path, "config.json");
      writeFileSync(settings, JSON.stringify({ trusted_proxies: "127.0.0.1", readers: "private" }));
      receiver = await ReceiverProcess.start(place, 0, { NEXUS_PULL_SECRET: SECRET, NEXUS_PULL_CONFIG: settings });
      execFileSync(
        "openssl",
        [
          ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"],
          ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", join(place.path, "key.pem")],
          ...["-out", join(place.path, "cert.pem")],
        ],
        { stdio: "ignore" },
      );
      port = await freePort();
      const args = configure(place.path, port, receiver.base);
      const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, HOME: place.path };
      proxy = start(name, args, { cwd: place.path, env, timeoutMs: 240_000 });
      await until(
        "the proxy answers",
        async () => (await ask("GET", "/healthz").catch(() => undefined))?.status === 200,
      );
    });
    afterAll(async () => {
      proxy?.child.kill("SIGTERM");
      await proxy?.ended;
      await receiver?.end();
      place.remove();
    });

    function send(
      method: string,
      path: string,
      headers: Record<string, string>,
      then: (sent: ClientRequest) => void,
    ): void {
      const ca = readFileSync(join(place.path, "cert.pem"));
      then(request({ host: "127.0.0.1", port, method, path, headers, ca, agent: false, timeout: 60_000 }));
    }
    function ask(method: string, path: string, headers: Record<string, string> = {}, body = ""): Promise<Answer> {
      return new Promise((resolve, reject) => {
        send(method, path, headers, (sent) => {
          sent.once("response", (response) => {
            const parts: Buffer[] = [];
            response.on("data", (part: Buffer) => parts.push(part));
            response.once("end", () =>
              resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }),
            );
          });
          sent.once("error", reject).end(body);
        });
      });
    }
    const say = (seq: number): Promise<Answer> => {
      const { id, body } = heartbeat("nexus-01", "a".repeat(32), seq);
      return ask("POST", "/webhook", signed("nexus-01", id, body), body);
    };

    test("events are taken with their signature, and a roster of thousands fits", async () => {
      expect((await say(1)).status).toBe(200);
      const entries = Array.from({ length: 20_000 }, (_, index) => ({
        ...{
          name: `vm-${index}`,
          instance_id: `iid-vm-${index}`.padEnd(60, "0"),
          deadline_s: 604_800,
          ref: "r".repeat(200),
        },
      }));
      const body = JSON.stringify(entries);
      expect(body.length).toBeGreaterThan(5_000_000);
      const id = "roster-big-1";
      const mac = requestMac(SECRET, { action: "roster", fleet: "big", id, body });
      const headers = { "nexus-pull-id": id, "nexus-pull-mac": mac, "content-type": "application/json" };
      const { status } = await ask("PUT", "/fleets/big/roster", headers, body);
      expect(status).toBe(200);
    });

    test("fails when a live view is held back by the proxy", async () => {
      let seen = "";
      const opened = new Promise<ClientRequest>((resolve) => {
        send("GET", "/events/stream?fleet=dev", {}, (sent) => {
          sent.once("response", (response) => response.on("data", (part: Buffer) => (seen += part.toString())));
          sent.on("error", () => undefined);
          sent.end();
          resolve(sent);
        });
      });
      const view = await opened;
      await until("the view is open", () => seen.includes(":"));
      expect((await say(2)).status).toBe(200);
      await until("the event is seen while the view is open", () => seen.includes(`${"a".repeat(32)}-2`));
      view.destroy();
      // Else who looked and went would keep a seat until nobody gets one.
      await until(
        "its seat is free again",
        async () => {
          const metrics = await (await fetch(`${receiver?.base}/metrics`, DIRECT)).text();
          return /^nexus_pull_streams 0$/m.test(metrics);
        },
        30_000,
      );
    });

    test("fails when a client makes itself private, or anybody else, by X-Forwarded-For", async () => {
      // What the proxy is spared from: whom the receiver trusts may say who asks.
      const direct = await fetch(`${receiver?.base}/status`, { headers: { "x-forwarded-for": "203.0.113.9" } });
      expect(direct.status).toBe(401);
      // Through the proxy the claim is replaced by the address that it saw, which here is private.
      expect((await ask("GET", "/status", { "x-forwarded-for": "203.0.113.9" })).status).toBe(200);
      await ask("POST", "/webhook", { "x-forwarded-for": "203.0.113.9" }, `who said this: ${name}`);
      expect(await notes()).toContainEqual({ remote: "127.0.0.1", text: `who said this: ${name}` });
    });

    async function notes(): Promise<readonly { readonly remote: string; readonly text: string }[]> {
      const { body } = await ask("GET", "/status?limit=1");
      const answer = JSON.parse(body) as { notes: { remote: string; text: string }[] };
      return answer.notes.map(({ remote, text }) => ({ remote, text }));
    }

    /** Bytes on a connection of their own; what comes back until it is closed or three seconds are silent. */
    function raw(bytes: string): Promise<string> {
      return new Promise((resolve) => {
        let got = "";
        const socket = connect({ host: "127.0.0.1", port, ca: readFileSync(join(place.path, "cert.pem")) }, () =>
          socket.write(bytes),
        );
        socket.setTimeout(3000, () => socket.destroy());
        socket.on("data", (part) => (got += part.toString("latin1")));
        socket.on("error", () => undefined);
        socket.once("close", () => resolve(got));
      });
    }
    // The proxy's site answers to this name only. Who closes asks once: a second request that is seen is not the proxy's.
    const once = "Host: 127.0.0.1\r\nConnection: close\r\n";
    const head = `POST /webhook HTTP/1.1\r\n${once}`;
    /** A request whose body is a note's whole text. */
    const hiddenIn = (text: string): string =>
      `POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
    test.each<[how: string, bytes: (hidden: string) => string]>([
      ["both lengths", (hidden) => `Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`],
      [
        "chunked, spelt oddly",
        (hidden) => `Content-Length: ${5 + hidden.length}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`,
      ],
      [
        "chunked behind a space",
        (hidden) => `Content-Length: ${5 + hidden.length}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`,
      ],
      ["two lengths", (hidden) => `Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`],
      ["a signed length", (hidden) => `Content-Length: +${hidden.length}\r\n\r\n${hidden}`],
      [
        "a folded header",
        (hidden) => `Content-Length: ${5 + hidden.length}\r\nTransfer-Encoding:\r\n xchunked\r\n\r\n0\r\n\r\n${hidden}`,
      ],
      [
        "a header behind a bare line feed",
        (hidden) =>
          `Content-Length: ${5 + hidden.length}\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
      ],
      // Who ends the first size's line at LF reads the hidden request as a chunk, who ends it at CR LF as a request.
      [
        "a chunk's extension with a bare line feed",
        (hidden) => {
          const size = (5 + hidden.length + 2).toString(16);
          return `Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n${size}\r\n0\r\n\r\n${hidden}\r\n\r\n0\r\n\r\n`;
        },
      ],
    ])("no request is smuggled by %s", async (how, bytes) => {
      const text = `smuggled by ${how}`;
      await raw(head + bytes(hiddenIn(text)));
      expect((await notes()).map((note) => note.text)).not.toContain(text);
    });

    // A body where nobody expects one, and where the answer does not wait for it.
    test.each(["GET", "DELETE"])("no request is smuggled as the body of a %s", async (method) => {
      const hidden = hiddenIn(`smuggled by ${method}`);
      await raw(`${method} /status HTTP/1.1\r\n${once}Content-Length: ${hidden.length}\r\n\r\n${hidden}`);
      expect((await notes()).map(({ text }) => text)).not.toContain(`smuggled by ${method}`);
    });

    test("a hidden request would be seen: sent by itself it is a note", async () => {
      await raw(hiddenIn("directly").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
      expect((await notes()).map(({ text }) => text)).toContain("directly");
    });
  });
});
