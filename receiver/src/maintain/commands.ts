// What is done with a store besides receiving: backup, restore, export, import, verify.
import { closeSync, copyFileSync, createReadStream, createWriteStream, existsSync, mkdirSync } from "node:fs";
import { openSync, readSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Config } from "../ops/config";
import type { Store } from "../store/port";
import { PostgresStore } from "../store/postgres";
import { SqliteStore } from "../store/sqlite";
import { flush, LocalFile, sizeOf } from "../store/sqlite-file";
import { exportLines, importLines } from "./archive";
import { linesOf, verify } from "./verify";

export const COMMANDS = ["backup", "restore", "export", "import", "verify"] as const;
export type Command = (typeof COMMANDS)[number];

export interface Task {
  readonly command: Command;
  /** Where from or to. @default - standard input or output, where the command takes it */
  readonly file?: string;
  readonly config: Config;
  readonly say: (line: string) => void;
}

/** What a person asked for cannot be done as it was asked. */
export class TaskError extends Error {}

export const fileOf = (config: Config): string => join(config.data, "receiver.db");

async function toRead(config: Config, say: Task["say"]): Promise<Store> {
  if (config.database !== undefined)
    return PostgresStore.openToRead({ url: config.database, report: (error) => say(String(error)) });
  const path = fileOf(config);
  if (!existsSync(path)) throw new TaskError(`there is no store at ${path}; name its folder with --data`);
  return SqliteStore.openToRead(path);
}

async function toWrite(config: Config, say: Task["say"]): Promise<Store> {
  if (config.database !== undefined)
    return PostgresStore.open({ url: config.database, report: (error) => say(String(error)) });
  mkdirSync(config.data, { recursive: true, mode: 0o750 });
  return SqliteStore.open(fileOf(config));
}

function named({ command, file }: Task): string {
  if (file === undefined) throw new TaskError(`${command}: name the file`);
  return file;
}

/** Whatever is at the file's place stays there. */
function fresh(file: string): string {
  if (existsSync(file)) throw new TaskError(`${file} is there already; name another, or move it away`);
  return file;
}

async function exportTo(config: Config, file: string | undefined, say: Task["say"]): Promise<void> {
  const store = await toRead(config, say);
  async function* lines(): AsyncGenerator<string> {
    for await (const line of exportLines(store)) yield `${line}\n`;
  }
  try {
    if (file === undefined) await pipeline(Readable.from(lines()), process.stdout, { end: false });
    else await pipeline(Readable.from(lines()), createWriteStream(file, { flags: "wx", mode: 0o640 }));
  } finally {
    await store.close();
  }
  if (file === undefined) return;
  flush(file);
  flush(dirname(file));
}

async function importFrom(config: Config, file: string | undefined, say: Task["say"]): Promise<void> {
  const store = await toWrite(config, say);
  try {
    const input = file === undefined ? process.stdin : createReadStream(file);
    say(`imported ${await importLines(store, input, Date.now())} events`);
  } finally {
    await store.close();
  }
}

const MAGIC = "SQLite format 3\0";

function isSqlite(file: string): boolean {
  const descriptor = openSync(file, "r");
  try {
    const begin = Buffer.alloc(MAGIC.length);
    readSync(descriptor, begin, 0, MAGIC.length, 0);
    return begin.toString("latin1") === MAGIC;
  } finally {
    closeSync(descriptor);
  }
}

/** A copy of a SQLite store takes the place of none; anything else is an archive. */
async function restore(config: Config, file: string, say: Task["say"]): Promise<void> {
  if (!isSqlite(file)) return importFrom(config, file, say);
  if (config.database !== undefined)
    throw new TaskError(`${file} is a SQLite store; start with --data, export it and import that into the database`);
  mkdirSync(config.data, { recursive: true, mode: 0o750 });
  const path = fresh(fileOf(config));
  // SQLite would put another store's last pages into this one.
  if (sizeOf(`${path}-wal`) > 0) fresh(`${path}-wal`);
  const part = `${path}.restoring`;
  copyFileSync(file, part);
  flush(part);
  renameSync(part, path);
  flush(dirname(path));
  // Opened once as a receiver does: an older format is brought to this one's now, and what is no store is told now.
  await (await SqliteStore.open(path)).close();
  say(`restored ${path}`);
}

async function check(config: Config, say: Task["say"]): Promise<boolean> {
  const store = await toRead(config, say);
  try {
    const verdict = await verify(store, Date.now());
    for (const line of linesOf(verdict)) say(line);
    return verdict.problems.length === 0;
  } finally {
    await store.close();
  }
}

/** Whether it came out well. */
export async function run(task: Task): Promise<boolean> {
  const { command, file, config, say } = task;
  switch (command) {
    case "backup": {
      const to = fresh(named(task));
      if (config.database !== undefined) await exportTo(config, to, say);
      else if (!existsSync(fileOf(config))) throw new TaskError(`there is no store at ${fileOf(config)}`);
      else LocalFile.copy(fileOf(config), to);
      say(`wrote ${to}`);
      return true;
    }
    case "restore":
      await restore(config, named(task), say);
      return true;
    case "export":
      await exportTo(config, file === undefined ? undefined : fresh(file), say);
      if (file !== undefined) say(`wrote ${file}`);
      return true;
    case "import":
      await importFrom(config, file, say);
      return true;
    case "verify":
      return check(config, say);
  }
}
