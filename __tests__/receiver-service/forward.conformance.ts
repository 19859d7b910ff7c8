// A real receiver that forwards: to a server that is slow, to one that is dead, to a real ARA.
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { requestMac } from "@nexus-pull/contract";
import { until } from "../../lab/host/processes";
import { describeWith } from "../support/suites";
import { AraServer } from "../../lab/services/ara-server";
import { beat, post, signed, streamOf } from "../../lab/services/receiver-client";
import { Place, ReceiverProcess, ROOT, SECRET } from "../../lab/services/receiver-process";

jest.setTimeout(240_000);

interface Sink {
  readonly url: string;
  readonly ids: string[];
  readonly server: Server;
  /** Each answer waits for this. */
  gate: Promise<void>;
  status: number;
}
const KEY = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;

/** Takes webhooks, verifies them with the stock library, and writes down whose they are. */
async function openSink(): Promise<Sink> {
  const ids: string[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts).toString("utf8");
      const event = new Webhook(KEY).verify(body, request.headers as Record<string, string>) as { id: string };
      void sink.gate.then(() => {
        // Who is gone has not heard that it came.
        if (sink.status === 204 && !request.socket.destroyed) ids.push(event.id);
        response.writeHead(sink.status).end();
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const sink: Sink = { url, ids, server, gate: Promise.resolve(), status: 204 };
  return sink;
}

function connections(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

interface Status {
  readonly name: string;
  readonly behind?: number;
  readonly dead_letters: number;
  readonly failing?: { readonly error: string };
}
const forwarders = async (receiver: ReceiverProcess): Promise<ReadonlyMap<string, Status>> => {
  const answer = await receiver.json<{ forwarders: readonly Status[] }>("/forwarders");
  return new Map(answer.forwarders.map((one) => [one.name, one]));
};

let place: Place;
let sink: Sink;
beforeEach(async () => {
  place = new Place();
  sink = await openSink();
});
afterEach(async () => {
  await ReceiverProcess.endAll();
  sink.server.closeAllConnections();
  sink.server.close();
  place.remove();
});

function configure(...list: readonly object[]): Promise<ReceiverProcess> {
  return configureWith({}, ...list);
}

function configureWith(settings: object, ...list: readonly object[]): Promise<ReceiverProcess> {
  const config = join(place.path, "config.json");
  writeFileSync(join(place.path, "key"), KEY);
  writeFileSync(config, JSON.stringify({ ...settings, forwarders: list }));
  return ReceiverProcess.start(place, 0, { NEXUS_PULL_SECRET: SECRET, NEXUS_PULL_CONFIG: config });
}
const hook = () => ({
  ...{ name: "hook", kind: "webhook", url: sink.url, from: "beginning", secret_file: join(place.path, "key") },
  filter: { types: ["vm.heartbeat"] },
});

async function say(base: string, from: number, to: number): Promise<string[]> {
  const ids: string[] = [];
  for (let seq = from; seq <= to; seq += 1) {
    const { id, status } = await beat(base, "vm-1", streamOf(1), seq);
    expect(status).toBe(200);
    ids.push(id);
  }
  return ids;
}

test("fails when kill -9 loses an event on its way, when their order changes, or when a dead target holds up the others", async () => {
  const dead = { name: "dead", kind: "slack", url: "http://127.0.0.1:1/secret-path", from: "beginning" };
  let receiver = await configure(hook(), dead);
  const said = await say(receiver.base, 1, 5);
  await until("the first came", () => sink.ids.length === 5);
  await until("the dead one fails", async () => (await forwarders(receiver)).get("dead")?.failing !== undefined);
  const failing = (await forwarders(receiver)).get("dead");
  expect(failing?.failing?.error).toMatch(/^http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/);
  let open = (): void => undefined;
  sink.gate = new Promise((resolve) => (open = resolve));
  said.push(...(await say(receiver.base, 6, 10)));
  await receiver.end("SIGKILL");
  await until("its connections are gone", async () => (await connections(sink.server)) === 0);
  open();
  receiver = await configure(hook(), dead);
  await until("the rest came", () => said.every((id) => sink.ids.includes(id)));
  const order = [...new Set(sink.ids)];
  expect(order).toEqual(said);
  expect(receiver.output).not.toContain("secret-path");
  expect((await receiver.end()).status).toBe(0);
});

test("what a target refuses for good is a dead letter, which an operator has sent again", async () => {
  const receiver = await configure(hook());
  sink.status = 422;
  const said = await say(receiver.base, 1, 2);
  await until("both are set aside", async () => (await forwarders(receiver)).get("hook")?.dead_letters === 2);
  sink.status = 204;
  const mac = requestMac(SECRET, { action: "resend", forwarder: "hook", id: "resend-0001" });
  const headers = { "nexus-pull-id": "resend-0001", "nexus-pull-mac": mac };
  const asked = await fetch(`${receiver.base}/forwarders/hook/resend`, { method: "POST", headers });
  expect(await asked.json()).toEqual({ asked_for: 2 });
  await until("none is left", async () => (await forwarders(receiver)).get("hook")?.dead_letters === 0);
  expect(sink.ids).toEqual(said);
  expect((await receiver.end()).status).toBe(0);
});

test("fails when forward_private=off lets a forwarder reach this host, by address or by name, or does not say why", async () => {
  let connected = 0;
  sink.server.on("connection", () => (connected += 1));
  const byName = { ...hook(), name: "by-name", url: sink.url.replace("127.0.0.1", "localhost") };
  const receiver = await configureWith({ forward_private: "off" }, hook(), byName);
  await say(receiver.base, 1, 1);
  const errorOf = async (name: string): Promise<string> =>
    (await forwarders(receiver)).get(name)?.failing?.error ?? (connected > 0 ? "it was reached" : "");
  const why = "not a public address; forward_private=on allows it";
  for (const name of ["hook", "by-name"]) {
    await until(`${name} is tried`, async () => (await errorOf(name)) !== "");
    expect(await errorOf(name)).toContain(why);
    const metrics = await (await fetch(`${receiver.base}/metrics`)).text();
    expect(metrics).toMatch(new RegExp(`^nexus_pull_forwarder_failing\\{forwarder="${name}"\\} 1$`, "m"));
  }
  expect(await errorOf("by-name")).toMatch(/^localhost is /);
  expect([connected, sink.ids]).toEqual([0, []]);
  expect((await receiver.end()).status).toBe(0);
});

describeWith(["ara"], "a real ARA", () => {
  let ara: AraServer | undefined;
  beforeAll(async () => (ara = await AraServer.start()));
  afterAll(() => ara?.end());

  interface Playbook {
    readonly name: string;
    readonly status: string;
    readonly labels: readonly { readonly name: string }[];
    readonly items: { readonly tasks: number; readonly hosts: number; readonly results: number };
  }

  test("has each run once, with its tasks and counts, also when all of it is sent twice", async () => {
    const server = ara as AraServer;
    const target = { name: "ara", kind: "ara", url: server.base, from: "beginning" };
    let receiver = await configure(target);
    const life = JSON.parse(readFileSync(join(ROOT, "contract/examples/events.json"), "utf8")) as {
      valid: { name: string; value: { id: string; type: string; data: { vm: string; stream?: string } } }[];
    };
    const agents = life.valid.filter(({ value }) => !Array.isArray(value) && value.data.stream !== undefined);
    const own = agents.filter(({ value }) => /\.(vm\.booted|run|drift)/.test(value.type));
    for (const { value } of own) {
      const body = JSON.stringify(value);
      const status = await post(receiver.base, body, signed(value.data.vm, value.id, body));
      expect([value.type, status]).toEqual([value.type, 200]);
    }
    const done = async (): Promise<boolean> =>
      [...(await forwarders(receiver)).values()].every(({ behind, failing }) => behind === 0 && failing === undefined);
    await until("all of it is sent", done, 120_000);
    await receiver.end();
    // It has never run, so it begins at the log's beginning.
    receiver = await configure({ ...target, name: "ara-again" });
    await until("all of it is sent again", done, 120_000);
    expect((await forwarders(receiver)).get("ara-again")?.dead_letters).toBe(0);
    const playbooks = await server.list<Playbook>("playbooks");
    const names = playbooks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const runs = own.flatMap(({ value }) => {
      const { run_id } = value.data as { run_id?: string };
      const ends = /run\.(succeeded|failed|interrupted)$|drift\.detected$/.test(value.type);
      return ends && run_id !== undefined ? [run_id] : [];
    });
    expect(names.filter((name) => runs.some((run) => name.endsWith(`/${run}`)))).toHaveLength(new Set(runs).size);
    expect(new Set(playbooks.map(({ status }) => status))).toEqual(new Set(["completed", "failed", "expired"]));
    const failed = await server.list<{ status: string; changed: boolean }>("results");
    expect(failed.filter(({ status }) => status === "failed").length).toBeGreaterThan(0);
    const hosts = await server.list<{ name: string; ok: number; changed: number }>("hosts");
    expect(hosts.filter(({ ok, changed }) => ok + changed > 0).length).toBeGreaterThan(0);
    expect((await receiver.end()).status).toBe(0);
  });
});
