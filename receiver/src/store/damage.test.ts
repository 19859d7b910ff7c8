// Files as disks, copies and people leave them.
import { closeSync, copyFileSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "libsql";
import type { LogRecord } from "../domain/log";
import { logOf } from "../test-support";
import { commit, NOTHING } from "./suite";
import { DamagedError } from "./port";
import { SqliteStore } from "./sqlite";
import { LocalFile } from "./sqlite-file";

const folder = mkdtempSync(join(tmpdir(), "receiver damage #1?%20ä-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const THREAD = join(__dirname, "source-thread.cjs");
const PAGE = 4096;
const EVENTS = 400;
const SUFFIXES = ["", "-wal"];

const whole = join(folder, "whole.db");
/** The same, with its newest events in a WAL that nobody put into the file. */
const unclosed = join(folder, "unclosed.db");

function events(first: number, count: number): LogRecord[] {
  const [record] = logOf(["vm.heartbeat"]) as [LogRecord];
  return Array.from({ length: count }, (_, i) => ({ ...record, position: first + i, id: `id-${first + i}` }));
}

beforeAll(async () => {
  const store = await SqliteStore.open(whole);
  await commit(store, { ...NOTHING, records: events(1, EVENTS - 10) });
  await store.close();
  const again = await SqliteStore.open(whole);
  await commit(again, { ...NOTHING, records: events(EVENTS - 9, 10) });
  for (const suffix of SUFFIXES) copyFileSync(whole + suffix, unclosed + suffix);
  await again.close();
  expect([statSync(`${unclosed}-wal`).size > 0, statSync(whole).size > 50 * PAGE]).toEqual([true, true]);
});

let files = 0;
function copyOf(of: string): string {
  const path = join(folder, `${(files += 1)}.db`);
  for (const suffix of SUFFIXES) if (existsSync(of + suffix)) copyFileSync(of + suffix, path + suffix);
  return path;
}

function overwrite(path: string, page: number, bytes: Buffer, at = 0): void {
  const descriptor = openSync(path, "r+");
  writeSync(descriptor, bytes, 0, bytes.length, page * PAGE + at);
  closeSync(descriptor);
}

/** What is there, byte by byte; an empty WAL is as good as none. */
const bytesOf = (path: string) =>
  SUFFIXES.map((suffix) => (existsSync(path + suffix) ? readFileSync(path + suffix).toString("base64") : ""));

const messageOf = async (path: string, program?: string): Promise<string> => {
  const opened = SqliteStore.open(path, program).then(async (store) => store.close());
  const error: unknown = await opened.catch((reason: unknown) => reason);
  return error instanceof DamagedError ? error.message : `no damage: ${String(error)}`;
};

const NOISE = Buffer.alloc(PAGE, "no page of SQLite's ");

const inTheMiddle = (path: string): void => overwrite(path, Math.floor(statSync(path).size / PAGE / 2), NOISE);
const halve = (path: string): void => truncateSync(path, statSync(path).size / 2);
const TEXT = "position,event\n".repeat(999);

describe("fails when a file is written to although it is damaged, or nobody is told:", () => {
  test.each<[string, string, (path: string) => void, RegExp]>([
    ["a page is overwritten", whole, inTheMiddle, /page \d+: /],
    ["a page is overwritten below a WAL", unclosed, inTheMiddle, /page \d+: /],
    ["its header is overwritten", whole, (path) => overwrite(path, 0, NOISE), /: file is not a database\. /],
    ["it is cut short", whole, halve, /: database disk image is malformed\. /],
    ["it is cut short below a WAL", unclosed, halve, /malformed|page \d+: /],
    ["it lost its last bytes", whole, (path) => truncateSync(path, statSync(path).size - 1000), /page \d+/],
    ["it is empty", whole, (path) => truncateSync(path, 0), /: it is empty\. /],
    ["it is empty below a WAL", unclosed, (path) => truncateSync(path, 0), /: it is empty\. /],
    ["it is something else", whole, (path) => writeFileSync(path, TEXT), /: file is not a database\. /],
    ["it is something else below a WAL", unclosed, (path) => writeFileSync(path, TEXT), /page \d+: /],
  ])("%s", async (_what, of, damage, found) => {
    const path = copyOf(of);
    damage(path);
    const before = bytesOf(path);
    const message = await messageOf(path);
    expect(message).toMatch(found);
    expect(message.startsWith(`${path} is damaged: `)).toBe(true);
    expect(message).toContain("nexus-pull-receiver restore FILE");
    // The lock is free again.
    expect(await messageOf(path, THREAD)).toBe(message);
    expect(bytesOf(path)).toEqual(before);
  });
});

test("fails when a WAL whose file is gone goes, too", async () => {
  const path = copyOf(unclosed);
  rmSync(path);
  const before = bytesOf(path);
  expect(await messageOf(path)).toContain(`is damaged: it is gone, but ${path}-wal is there`);
  expect(bytesOf(path)).toEqual(before);
});

test("a large file is read as a whole after it was not closed only; its length is seen in any case", async () => {
  const closed = copyOf(whole);
  const left = copyOf(unclosed);
  for (const path of [closed, left]) {
    inTheMiddle(path);
    // Pages that the header does not count are nobody's, and take no room on the disk.
    truncateSync(path, 2 ** 30 + PAGE);
  }
  expect(await messageOf(closed)).toContain("no damage");
  expect(await messageOf(left)).toMatch(/page \d+: /);
  const longer = Buffer.alloc(4);
  longer.writeUInt32BE(2 ** 30 / PAGE + 2);
  overwrite(closed, 0, longer, 28);
  expect(await messageOf(closed)).toMatch(/: database disk image is malformed\. /);
});

describe("no damage:", () => {
  const opened = async (path: string): Promise<number> => {
    const store = await SqliteStore.open(path);
    const there = await store.events({ after: 0, limit: -1 });
    await store.close();
    // All of it is in the file.
    expect(existsSync(`${path}-wal`) ? statSync(`${path}-wal`).size : 0).toBe(0);
    return there.length;
  };

  test("a file that was closed, and one that was not, also where the WAL has its header anew", async () => {
    const healed = copyOf(unclosed);
    overwrite(healed, 0, NOISE);
    for (const path of [copyOf(whole), copyOf(unclosed), healed]) expect(await opened(path)).toBe(EVENTS);
  });

  test("a write that was broken off in a file without WAL", async () => {
    const [writing, path] = [copyOf(whole), copyOf(whole)];
    const database = new Database(writing);
    database.exec("PRAGMA journal_mode = DELETE; PRAGMA cache_size = 5; BEGIN; UPDATE events SET event = 'x'");
    for (const suffix of ["", "-journal"]) copyFileSync(writing + suffix, path + suffix);
    database.exec("ROLLBACK");
    database.close();
    expect(readFileSync(path).equals(readFileSync(writing))).toBe(false);
    expect(await opened(path)).toBe(EVENTS);
  });

  test("what a first start leaves that was ended while it made the file", async () => {
    const path = join(folder, "first.db");
    writeFileSync(`${path}.new`, "");
    expect(await opened(path)).toBe(0);
    writeFileSync(`${path}.new`, "x");
    rmSync(path);
    expect([await opened(path), existsSync(`${path}.new`)]).toEqual([0, false]);
  });
});

test("fails when who only reads puts a WAL into its file, or makes one", async () => {
  const path = copyOf(unclosed);
  const before = bytesOf(path);
  const reader = LocalFile.openToRead(path);
  await reader.exec("SELECT count(*) FROM events");
  await expect(reader.exec("DELETE FROM events")).rejects.toThrow("readonly");
  await reader.close();
  expect(bytesOf(path)).toEqual(before);
  const absent = join(folder, "absent.db");
  expect(() => LocalFile.openToRead(absent)).toThrow("Unable to open");
  expect(existsSync(absent)).toBe(false);
});
