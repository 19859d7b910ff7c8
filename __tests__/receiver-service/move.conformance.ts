// From SQLite into PostgreSQL as an operator goes: `export | import`, then `verify`, then a receiver on the database.
import { deriveVmKey, type Event, requestMac } from "@nexus-pull/contract";
import { event, signedHeaders, type Spoken } from "../../receiver/src/test-support";
import { PostgresServer } from "../../lab/services/postgres";
import { type Outcome, start } from "../../lab/host/processes";
import { describeWith } from "../support/suites";
import { Place, ReceiverProcess, ROOT, SECRET } from "../../lab/services/receiver-process";

type Json = Readonly<Record<string, unknown>>;

const FLEETS = ["dev", "prod"];
const STREAMS = ["a", "b"].map((digit) => digit.repeat(32));
/** What JSON escapes, what PostgreSQL has no character for, and what is longer than one UTF-16 unit. */
const ODD = 'ä"\\\u0000\u2028\u{1f600}\ud800';
const AGAIN: Spoken = { stream: STREAMS[1], data: { instance_id: "iid-2" } };
/** What VMs say, each in an order of its own. */
const LIVES: Readonly<Record<string, readonly (readonly [type: string, spoken?: Spoken])[]>> = {
  "vm-1": [
    ["vm.booted"],
    ["bootstrap.started"],
    ["bootstrap.succeeded"],
    ["run.started"],
    ["run.succeeded"],
    ["vm.heartbeat"],
  ],
  "vm-2": [["vm.booted"], ["run.started"], ["run.failed", { data: { message: ODD, tail: [ODD] } }]],
  "vm-3": [["vm.booted", { data: { hostname: ODD } }]],
  "vm-4": [["vm.booted"], ["run.succeeded"], ["vm.booted", AGAIN]],
};

describeWith(["postgres"], "from SQLite into PostgreSQL", () => {
  let server: PostgresServer;
  let place: Place;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  beforeEach(() => (place = new Place()));
  afterEach(async () => {
    await ReceiverProcess.endAll();
    place.remove();
  });
  afterAll(async () => server.stop());

  function receive(database?: string): Promise<ReceiverProcess> {
    const env = { NEXUS_PULL_SECRET: SECRET, ...(database === undefined ? {} : { NEXUS_PULL_DATABASE: database }) };
    return ReceiverProcess.start(place, 0, env);
  }

  /** A pipe of commands, of which each must come out well for the whole to. */
  function pipe(database: string, line: string): Promise<Outcome> {
    const PROGRAM = `'${process.execPath}' --import tsx receiver/src/main.ts`;
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, DATA: place.data, DATABASE: database };
    const commands = line.replaceAll("receiver ", `${PROGRAM} `);
    return start("bash", ["-o", "pipefail", "-c", commands], { cwd: ROOT, env }).ended;
  }
  const MOVE = 'receiver export --data "$DATA" | receiver import --database "$DATABASE"';
  const VERIFY = 'receiver verify --database "$DATABASE"';

  async function say({ base }: ReceiverProcess, one: Event): Promise<unknown> {
    const body = JSON.stringify(one);
    const { fleet, vm } = one.data;
    const headers = signedHeaders(body, one.id, Math.floor(Date.now() / 1000), deriveVmKey(SECRET, fleet, vm));
    const answer = await fetch(`${base}/webhook`, { method: "POST", body, headers });
    return answer.json();
  }

  async function roster({ base }: ReceiverProcess, fleet: string, id: string, names: readonly string[]) {
    const entries = names.map((name) => ({ name, instance_id: "iid-1", deadline_s: 1800, ref: "main" }));
    const body = JSON.stringify(entries);
    const mac = requestMac(SECRET, { action: "roster", fleet, id, body });
    const headers = { "nexus-pull-id": id, "nexus-pull-mac": mac };
    const answer = await fetch(`${base}/fleets/${fleet}/roster`, { method: "PUT", body, headers });
    return [answer.status, await answer.json()];
  }

  function eventsOf(fleet: string): Event[] {
    return Object.entries(LIVES).flatMap(([vm, life]) =>
      life.map(([type, spoken], index) =>
        event(type, { fleet, vm, seq: spoken?.stream === undefined ? index + 1 : 1, ...spoken }),
      ),
    );
  }

  /** A store with something of each kind: two fleets, a machine that was replaced, one that is awaited, one that is retired. */
  async function fill(receiver: ReceiverProcess): Promise<void> {
    for (const fleet of FLEETS) {
      expect((await roster(receiver, fleet, `roster-1-${fleet}`, ["vm-1", "vm-2", "vm-3", "vm-5"]))[0]).toBe(200);
      for (const one of eventsOf(fleet)) expect(await say(receiver, one)).toMatchObject({ accepted: 1, duplicates: 0 });
      expect((await roster(receiver, fleet, `roster-2-${fleet}`, ["vm-1", "vm-2", "vm-4", "vm-5"]))[0]).toBe(200);
    }
  }

  /** Everything that can be read of it but ages, which time alone changes. */
  async function everything(receiver: ReceiverProcess) {
    const { summary, vms } = await receiver.json<{ summary: unknown; vms: (Json & { links: { self: string } })[] }>(
      "/status",
    );
    const details = await Promise.all(vms.map(({ links }) => receiver.json<Json>(links.self)));
    const ageless = (all: readonly Json[]): readonly Json[] => all.map((vm) => ({ ...vm, age_s: undefined }));
    const { events } = await receiver.json<{ events: readonly unknown[] }>("/events?cursor=0&limit=1000");
    return { summary, vms: ageless(vms), details: ageless(details), events };
  }

  test("fails when something is another, or is not there, or an archive that was cut short leaves something behind", async () => {
    const sqlite = await receive();
    await fill(sqlite);
    const before = await everything(sqlite);
    const phases = { Configured: 2, Failed: 2, Retired: 2, Booted: 2, Expected: 2 };
    expect(before.summary).toEqual({ total: 10, phases });
    const database = server.create();
    const short = await pipe(database, MOVE.replace("|", "| head -n 12 |"));
    expect(short).toMatchObject({ status: 1, stderr: expect.stringContaining("cut short") as string });
    // The receiver goes on meanwhile.
    const count = before.events.length;
    expect(await pipe(database, MOVE)).toMatchObject({ status: 0, stderr: `imported ${count} events\n` });
    const verdict = `ok: ${count} events, 10 VMs, the projection is what the log says\n`;
    expect(await pipe(database, VERIFY)).toMatchObject({ status: 0, stderr: verdict });

    const postgres = await receive(database);
    expect(await everything(postgres)).toEqual(before);
    for (const fleet of FLEETS) {
      const [first] = eventsOf(fleet);
      expect(await say(postgres, first as Event)).toMatchObject({ accepted: 0, duplicates: 1 });
      expect(await roster(postgres, fleet, `roster-1-${fleet}`, ["vm-1"])).toMatchObject([409, { code: "id_used" }]);
    }
    const next = event("vm.heartbeat", { vm: "vm-3", seq: 2 });
    expect(await say(postgres, next)).toMatchObject({ accepted: 1, duplicates: 0 });
    // Not into a store that has something already; and what somebody changes by hand is found.
    const twice = await pipe(database, MOVE);
    expect([twice.status, twice.stderr]).toEqual([
      1,
      expect.stringMatching(/^nexus-pull-receiver: .*(?:not empty|already)/),
    ]);
    const byHand = `UPDATE vms SET state = replace(state, '"phase":"Failed"', '"phase":"Configured"') WHERE vm = 'vm-2'`;
    server.sql(byHand, new URL(database).pathname.slice(1));
    const found = await pipe(database, VERIFY);
    const problems = found.stderr.match(/^\w+\/vm-2: the projection says Configured/gm);
    expect([found.status, problems]).toEqual([
      1,
      FLEETS.map((fleet) => `${fleet}/vm-2: the projection says Configured`),
    ]);
  }, 300_000);
});
