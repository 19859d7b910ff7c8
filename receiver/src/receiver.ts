// Puts the parts together: opens the store and the log file, listens, lets time pass, and ends in order.
import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import type { LogRecord } from "./domain/log";
import { Engine } from "./engine/engine";
import { buildApp } from "./http/app";
import { type Note, type Refused, Ring } from "./intake/notes";
import type { Config } from "./ops/config";
import { lineOf, LogFile } from "./ops/log-file";
import { Metrics } from "./ops/metrics";
import { readSecrets } from "./ops/secrets";
import { SqliteStore } from "./store/sqlite";

const SYSTEM_LOG = "/var/log/ansible-webhook.log";
const TICK_MS = 1000;
/** What is still open then is cut off. */
const DRAIN_MS = 10_000;

export interface Receiver {
  readonly port: number;
  readonly said: readonly string[];
  readonly log: LogFile;
  stop(): Promise<void>;
}

export type Say = (line: string) => void;

function openLog(config: Config): LogFile {
  if (config.logFile !== undefined) return new LogFile(config.logFile);
  try {
    return new LogFile(SYSTEM_LOG);
  } catch {
    // Who is not root tries it out; the place is said at the start.
    return new LogFile(join(config.data, "ansible-webhook.log"));
  }
}

function logEvents(records: readonly LogRecord[], engine: Engine, line: (text: string) => void): void {
  for (const record of records) line(lineOf(record, engine.fleets.get(record.fleet, record.vm)));
}

async function drain(app: FastifyInstance, engine: Engine): Promise<void> {
  const closed = app.close();
  app.server.closeIdleConnections();
  const limit = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS);
  await closed.finally(() => clearTimeout(limit));
  await engine.close();
}

function loop(engine: Engine, report: (error: unknown) => void): NodeJS.Timeout {
  let ticking = false;
  return setInterval(() => {
    if (ticking) return;
    ticking = true;
    void engine
      .tick()
      .catch(report)
      .finally(() => (ticking = false));
  }, TICK_MS);
}

type Report = (error: unknown) => void;

async function openEngine(store: SqliteStore, metrics: Metrics, report: Report): Promise<Engine> {
  const failed = (error: unknown): void => {
    metrics.failures.inc();
    report(error);
  };
  const observe = { committed: metrics.committed.bind(metrics), failed };
  const engine = await Engine.open({ store, now: Date.now, observe });
  metrics.watch(engine, Date.now);
  return engine;
}

/** Writes a line of what is in no store; a log file that cannot be written stops nothing. */
function lineWriter(log: LogFile, report: Report): (text: string) => void {
  return (text) => {
    try {
      log.line(text);
    } catch (error) {
      report(error);
    }
  };
}

export async function startReceiver(config: Config, say: Say): Promise<Receiver> {
  mkdirSync(config.data, { recursive: true, mode: 0o750 });
  const { secrets, token, said } = readSecrets(config);
  const log = openLog(config);
  const report: Report = (error) => say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  const metrics = new Metrics();
  const store = SqliteStore.open(join(config.data, "receiver.db"));
  const engine = await openEngine(store, metrics, report);
  const line = lineWriter(log, report);
  engine.subscribe((records) => logEvents(records, engine, line));
  const stopping = new AbortController();
  const { readers, takeNotes, trustedProxies, maxWaits, maxStreams } = config;
  const limits = { readers, takeNotes, trustedProxies, maxWaits, maxStreams, stopping: stopping.signal };
  const shown = { notes: new Ring<Note>(), refused: new Ring<Refused>(), log: line, report };
  const app = buildApp({ engine, store, metrics, secrets, token, now: Date.now, ...shown, ...limits });
  await app.listen({ host: config.host, port: config.port });
  const timer = loop(engine, report);
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    stopping.abort();
    await drain(app, engine);
    log.close();
  };
  return { port: (app.server.address() as AddressInfo).port, said, log, stop };
}
