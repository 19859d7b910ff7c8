import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import Database from "libsql";
import type { RosterEntry } from "@nexus-pull/contract";
import { putRoster } from "../engine/commands";
import { readStates } from "../engine/projection";
import { retain } from "../engine/retention";
import { readConfig } from "../ops/config";
import { MemoryStore } from "../store/memory";
import type { Store } from "../store/port";
import { SqliteStore } from "../store/sqlite";
import { A, event, FakeClock, openEngine, say as tell, T0 } from "../test-support";
import { exportLines, importLines } from "./archive";
import { type Command, fileOf, run } from "./commands";
import { linesOf, verify } from "./verify";

const ENTRY: RosterEntry = { name: "nexus-01", instance_id: "iid-1", deadline_s: 1800, ref: "main" };
const folder = mkdtempSync(join(tmpdir(), "receiver-maintain-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let folders = 0;
const place = (): string => join(folder, String((folders += 1)));

/** A roster, three VMs, an event that waits, one that went by retention, a value of a forwarder's. */
async function fill(store: Store): Promise<void> {
  const clock = new FakeClock();
  const engine = await openEngine(store, clock);
  await engine.submit(putRoster({ id: "roster-01", fleet: "dev", body: Buffer.from("x") }, [ENTRY]));
  await tell(engine, event("vm.booted"), event("run.started", { seq: 2 }));
  await tell(engine, event("vm.booted", { vm: "nexus-02", data: { hostname: 'ä"\\\u0000\u2028' } }));
  await tell(engine, event("vm.heartbeat", { vm: "nexus-02", seq: 3 }));
  await tell(engine, event("vm.booted", { vm: "nexus-03" }));
  await retain(engine, store, { events: 3 }, clock.now);
  await store.swap("forwarder/x/cursor", undefined, "4");
}

const linesIn = async (store: Store): Promise<string[]> => {
  const lines: string[] = [];
  for await (const line of exportLines(store)) lines.push(line);
  return lines;
};

async function do_(command: Command, data: string, file?: string): Promise<readonly [boolean, string[]]> {
  const said: string[] = [];
  const outcome = readConfig({ args: ["--data", data], env: {}, receives: false });
  if (!("config" in outcome)) throw new Error(JSON.stringify(outcome));
  const well = await run({ command, file, config: outcome.config, say: (line) => said.push(line) });
  return [well, said];
}

async function filled(): Promise<string> {
  const data = place();
  await do_("import", data, await archive());
  return data;
}

async function archive(): Promise<string> {
  const store = new MemoryStore();
  await fill(store);
  const path = join(folder, `${(folders += 1)}.ndjson`);
  writeFileSync(path, (await linesIn(store)).map((line) => `${line}\n`).join(""));
  return path;
}

describe("an archive", () => {
  test("fails when a store that was imported differs from the one that was exported", async () => {
    const from = new MemoryStore();
    await fill(from);
    expect((await from.events({ after: 0, limit: 10 })).map(({ position }) => position)).toEqual([4, 5, 6]);
    const lines = await linesIn(from);
    const to = await SqliteStore.open(join(folder, "to.db"));
    expect(await importLines(to, Readable.from(lines.map((line) => `${line}\n`)), T0)).toBe(3);
    const byName = (a: { vm: string }, b: { vm: string }): number => (a.vm < b.vm ? -1 : 1);
    expect([...(await to.states())].sort(byName)).toEqual([...(await readStates(from, T0))].sort(byName));
    expect(await linesIn(to)).toEqual(lines);
    expect((await verify(to, T0)).problems).toEqual([]);
    // Its ids are used, and it goes on where it was.
    const engine = await openEngine(to, new FakeClock());
    expect(await tell(engine, event("vm.booted", { vm: "nexus-03" }))).toEqual({ accepted: 0, duplicates: 1 });
    await expect(
      engine.submit(putRoster({ id: "roster-01", fleet: "dev", body: Buffer.from("y") }, [])),
    ).rejects.toMatchObject({ code: "id_used" });
    await tell(engine, event("vm.heartbeat", { vm: "nexus-03", seq: 2 }));
    expect(engine.position).toBe(7);
    await engine.close();
  });

  test.each(["\u2028", "\u2029", "\u0085", "\r"])("lines end at a line feed alone, not at %j", async (character) => {
    const from = new MemoryStore();
    const engine = await openEngine(from, new FakeClock());
    await tell(engine, event("run.failed", { seq: 1, data: { message: `one${character}two` } }));
    const lines: string[] = [];
    for await (const line of exportLines(from)) lines.push(line);
    // In pieces, so that a line and a character lie on a seam.
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, at) => bytes.subarray(at * 7, at * 7 + 7));
    const to = new MemoryStore();
    expect(await importLines(to, Readable.from(pieces, { objectMode: false }), T0)).toBe(1);
    expect((await to.events({ after: 0, limit: 1 }))[0]?.data["message"]).toBe(`one${character}two`);
  });

  test("every line of it is a CloudEvent", async () => {
    const store = new MemoryStore();
    await fill(store);
    for (const line of await linesIn(store)) {
      const value = JSON.parse(line) as Record<string, unknown>;
      expect(value).toMatchObject({ specversion: "1.0", id: expect.any(String), source: expect.stringMatching(/^\//) });
      for (const name of Object.keys(value)) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
    }
  });

  test.each<[string, (lines: string[]) => string[], string]>([
    ["is cut short", (lines) => lines.slice(0, -1), "the archive is cut short"],
    ["has lost a line", (lines) => lines.filter((_, i) => i !== lines.length - 2), "the archive is cut short"],
    ["is none", () => ['{"type":"x"}'], "this is no archive"],
    ["is not JSON", (lines) => [...lines.slice(0, 3), "{"], "line 4 is no CloudEvent"],
    ["is of the future", () => ['{"type":"io.nexus-pull.archive.begin","data":{"format":2}}'], "format is 2"],
  ])("one that %s puts nothing into the store", async (_what, change, message) => {
    const from = new MemoryStore();
    await fill(from);
    const to = await SqliteStore.open(join(folder, `${(folders += 1)}.db`));
    const lines = change(await linesIn(from)).map((line) => `${line}\n`);
    await expect(importLines(to, Readable.from(lines), T0)).rejects.toThrow(message);
    expect([await to.lastPosition(), await to.states(), await to.kept("", 10)]).toEqual([0, [], new Map()]);
    await to.close();
  });
});

describe("commands", () => {
  test("export, import and verify", async () => {
    const [data, file] = [await filled(), join(folder, "out.ndjson")];
    expect(await do_("verify", data)).toEqual([true, ["ok: 3 events, 3 VMs, the projection is what the log says"]]);
    expect((await do_("export", data, file))[0]).toBe(true);
    const other = place();
    expect(await do_("import", other, file)).toEqual([true, ["imported 3 events"]]);
    await expect(do_("import", other, file)).rejects.toThrow("the store is not empty");
    await expect(do_("export", data, file)).rejects.toThrow("is there already");
  });

  test("a backup of a store in use is restored where none is", async () => {
    const [data, file] = [await filled(), join(folder, "backup.db")];
    const inUse = await SqliteStore.open(fileOf({ data } as never));
    expect(await do_("backup", data, file)).toEqual([true, [`wrote ${file}`]]);
    await expect(do_("restore", data, file)).rejects.toThrow("receiver.db is there already");
    await inUse.close();
    const other = place();
    await do_("restore", other, file);
    expect(await do_("verify", other)).toEqual([true, ["ok: 3 events, 3 VMs, the projection is what the log says"]]);
    expect(existsSync(join(other, "receiver.db.restoring"))).toBe(false);
  });

  test("fails when a damaged store cannot be replaced as its refusal says, or is mixed with what is left of it", async () => {
    const [data, file] = [await filled(), join(folder, "good.db")];
    await do_("backup", data, file);
    const path = fileOf({ data } as never);
    truncateSync(path, 5000);
    await expect(SqliteStore.open(path)).rejects.toThrow(`${path} is damaged`);
    writeFileSync(`${path}-wal`, "a WAL's pages");
    renameSync(path, `${path}.damaged`);
    await expect(do_("restore", data, file)).rejects.toThrow("receiver.db-wal is there already");
    renameSync(`${path}-wal`, `${path}.damaged-wal`);
    await do_("restore", data, file);
    expect((await do_("verify", data))[0]).toBe(true);
  });

  test("a store of which only an index is damaged is refused, and an export still has all of it", async () => {
    const [data, out, again] = [await filled(), join(folder, "saved.ndjson"), place()];
    const path = fileOf({ data } as never);
    const database = new Database(path);
    const [index] = database
      .prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_events_1'")
      .all() as [{ rootpage: number }];
    database.close();
    const bytes = readFileSync(path);
    bytes.fill(0xff, (index.rootpage - 1) * 4096, index.rootpage * 4096);
    writeFileSync(path, bytes);
    await expect(SqliteStore.open(path)).rejects.toThrow("export FILE");
    await do_("export", data, out);
    expect(await do_("import", again, out)).toEqual([true, ["imported 3 events"]]);
  });

  test("what is not there is said", async () => {
    await expect(do_("verify", place())).rejects.toThrow(/there is no store at .*receiver\.db; name its folder/);
    await expect(do_("backup", place(), join(folder, "x"))).rejects.toThrow("there is no store");
    await expect(do_("backup", place())).rejects.toThrow("backup: name the file");
  });
});

describe("verify", () => {
  test("fails when a state that its log does not say is not found", async () => {
    const store = new MemoryStore();
    await fill(store);
    const [state] = (await store.states()).filter(({ vm }) => vm === "nexus-01");
    if (state === undefined) throw new Error("no state");
    await store.commit({ records: [], vms: [{ ...state, phase: "Configured" }], requests: [] });
    expect((await verify(store, T0)).problems).toEqual([
      "dev/nexus-01: the projection says Configured (run_in_progress), its log Configuring (run_in_progress)",
    ]);
    await store.commit({ records: [], vms: [{ ...state, vm: "nexus-09" }], requests: [] });
    expect(linesOf(await verify(store, T0))[1]).toBe("dev/nexus-09: a state without a log");
  });

  test("fails when a byte of the file was overwritten and nobody notices", async () => {
    const data = await filled();
    const path = fileOf({ data } as never);
    const bytes = readFileSync(path);
    // An id, in the table or in its index: the two do not fit then.
    bytes.write("X", bytes.indexOf(`devnexus-03${A}`) + "dev".length);
    writeFileSync(path, bytes);
    const [well, said] = await do_("verify", data);
    expect(well).toBe(false);
    expect(said.join()).toMatch(/missing from index|wrong # of entries/);
  });
});
