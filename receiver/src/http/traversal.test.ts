// Paths that leave the page's folder, as bytes on a socket: fetch would tidy them up before anything is sent.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { closeAll, Served } from "./test-server";

afterAll(closeAll);

let served: Served;
beforeAll(async () => (served = await Served.open()));

/** All that comes back until the receiver closes. */
function raw(target: string): Promise<string> {
  const { port } = new URL(served.base);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), "127.0.0.1", () => {
      socket.write(Buffer.from(`GET ${target} HTTP/1.1\r\nHost: receiver\r\nConnection: close\r\n\r\n`, "latin1"));
    });
    socket.setEncoding("latin1").on("data", (part: string) => (answer += part));
    socket.once("error", reject).once("close", () => resolve(answer));
  });
}

const UP = ["..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "..;", "%c0%ae%c0%ae", "%uff0e%uff0e"];
const SEPARATORS = ["/", "%2f", "%2F", "%252f", "\\", "%5c", "%c0%af"];
const ROOTS = ["/", "//", "/dashboard/", "/status/", "/fleets/", "/dashboard/%00/"];
/** Far enough up for every depth that a checkout or an installation has. */
const STEPS = 12;

const climbs = ROOTS.flatMap((root) =>
  UP.flatMap((up) =>
    SEPARATORS.flatMap((separator) => {
      const out = root + `${up}${separator}`.repeat(STEPS);
      return [out, `${out}etc${separator}passwd`];
    }),
  ),
);
// From dashboard/ one step up: the package's own files, which are there whatever the machine.
const siblings = UP.flatMap((up) => SEPARATORS.map((separator) => `/dashboard/${up}${separator}package.json`));
const others = [
  "/../../etc/passwd",
  "//etc/passwd",
  "/%2e%2e/",
  "/..%2f",
  "/status/..%2f..%2fetc%2fpasswd",
  "/dashboard//etc/passwd",
  "/dashboard/%2fetc%2fpasswd",
  "\\..\\..\\etc\\passwd",
  "/..\\..\\etc\\passwd",
  "/dashboard/index.html\0.js",
  "/dashboard/%00",
  "/dashboard/fleet.js%00.html",
  "/dashboard/../../package.json\0",
  "http://receiver/../../etc/passwd",
  "http://other.example//etc/passwd",
  "http://receiver/dashboard/..%2fpackage.json",
  "file:///etc/passwd",
  "/dashboard/constructor",
  "/dashboard/__proto__",
];

test("a path that climbs gets a refusal of ours, never a file and never an error of the receiver's", async () => {
  const own = readFileSync(`${__dirname}/../../package.json`, "utf8");
  const wrong: string[] = [];
  for (const target of [...others, ...siblings, ...climbs]) {
    const answer = await raw(target);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
    const leaked = /^root:|:\/bin\/|nologin/m.test(answer) || answer.includes(own.slice(0, 40));
    if (leaked || !(status >= 400 && status < 500)) wrong.push(`${JSON.stringify(target)}: ${answer.slice(0, 80)}`);
  }
  expect(wrong).toEqual([]);
  expect(served.reported).toEqual([]);
  // Hundreds of connections, one after the other.
}, 60_000);

test("what a path is refused with says which, and the page beside it is there", async () => {
  expect(await raw("/../../etc/passwd")).toMatch(/^HTTP\/1\.1 404 [\s\S]*"code":"path_unknown"/);
  expect(await raw("/dashboard/fleet.js")).toMatch(/^HTTP\/1\.1 200 /);
});
