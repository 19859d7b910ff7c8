// Puts the parts together: opens the store and the log file, listens, lets time pass, and ends in order.
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as setTimeoutPromise } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { Engine } from "./engine/engine";
import { retainConfirmed } from "./engine/retention";
import { Forwarders } from "./forward";
import type { Surroundings } from "./forward/forwarder";
import { buildApp } from "./http/app";
import { budgeted, type Note, type Refused, type Remark, Ring } from "./intake/notes";
import type { Config } from "./ops/config";
import { jsonLineOf, jsonRemarkLine, lineOf, LogFile, remarkLine } from "./ops/log-file";
import { Metrics } from "./ops/metrics";
import { describe, type Say } from "./ops/own-log";
import { readPage } from "./ops/page";
import { readSecrets } from "./ops/secrets";
import type { Store } from "./store/port";
import { PostgresStore } from "./store/postgres";
import { SqliteStore } from "./store/sqlite";
import { timed } from "./store/timed";

const SYSTEM_LOG = "/var/log/ansible-webhook.log";
const TICK_MS = 1000;
const HOUR_MS = 3_600_000;
/** What is still open then is cut off. */
const DRAIN_MS = 10_000;

export interface Receiver {
  readonly port: number;
  readonly said: readonly string[];
  readonly log: LogFile;
  stop(): Promise<void>;
}

function openLog(config: Config): LogFile {
  if (config.logFile !== undefined) return new LogFile(config.logFile);
  try {
    return new LogFile(SYSTEM_LOG);
  } catch {
    // Who is not root tries it out; the place is said at the start.
    return new LogFile(join(config.data, "ansible-webhook.log"));
  }
}

type Write = (lines: readonly string[]) => void;

function logEvents(engine: Engine, format: Config["logFormat"], write: Write): void {
  const form = format === "json" ? jsonLineOf : lineOf;
  engine.subscribe((records, phases) => write(records.map((record, index) => form(record, phases[index]))));
}

function openForwarders(
  { forwarders, forwardPrivate }: Config,
  store: Store,
  engine: Engine,
  report: Report,
): Forwarders {
  const around: Surroundings = {
    ...{ store, report, now: Date.now, random: Math.random, sleep },
    stateOf: (fleet, vm) => engine.fleets.get(fleet, vm),
    states: () => engine.fleets.all(),
    // The one process of a file finds its own lease when it starts again; those that share a store are told apart.
    owner: store.shared ? randomUUID() : "sqlite",
  };
  const opened = new Forwarders({ settings: forwarders, allowPrivate: forwardPrivate, around });
  engine.subscribe(() => opened.wake());
  opened.start();
  return opened;
}

/** Resolves after the time, or when the signal aborts. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeoutPromise(ms, undefined, { signal }).catch(() => undefined);
}

async function drain(app: FastifyInstance, engine: Engine): Promise<void> {
  const closed = app.close();
  app.server.closeIdleConnections();
  const limit = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS);
  await closed.finally(() => clearTimeout(limit));
  await engine.close();
}

/** Who did not get to run for so long, e.g. because its machine slept, could hear nobody. */
const DEAF_MS = 60_000;

function loop(engine: Engine, report: (error: unknown) => void): NodeJS.Timeout {
  let ticking = false;
  let last = Date.now();
  return setInterval(() => {
    const now = Date.now();
    if (now - last > DEAF_MS) engine.deaf();
    last = now;
    if (ticking) return;
    ticking = true;
    void engine
      .tick()
      .catch(report)
      .finally(() => (ticking = false));
  }, TICK_MS);
}

/** Once at the start, then every hour. */
function keepRetention(config: Config, engine: Engine, store: Store, report: Report): NodeJS.Timeout | undefined {
  const retention = { days: config.retentionDays, events: config.retentionEvents };
  if (retention.days === undefined && retention.events === undefined) return undefined;
  const once = (): void => void retainConfirmed(engine, store, retention, Date.now()).catch(report);
  once();
  return setInterval(once, HOUR_MS);
}

type Report = (error: unknown) => void;

async function openStore({ database, data }: Config, report: Report, thread: string): Promise<Store> {
  if (database === undefined) return SqliteStore.open(join(data, "receiver.db"), thread);
  return PostgresStore.open({ url: database, report });
}

async function openEngine(store: Store, metrics: Metrics, report: Report): Promise<Engine> {
  const failed = (error: unknown): void => {
    metrics.failures.inc();
    report(error);
  };
  const observe = { committed: metrics.committed.bind(metrics), failed };
  const engine = await Engine.open({ store, now: Date.now, observe });
  metrics.watch(engine, Date.now);
  return engine;
}

/** Made once for a store: who finds another one knows that what it had said is not there. */
async function identityOf(store: Store): Promise<string> {
  const key = "store/id";
  await store.swap(key, undefined, randomUUID());
  return (await store.kept(key, 1)).get(key) ?? "";
}

/** A store that was restored without the secret refuses every VM: nobody is to find that out by silence. */
function strangeSecret(engine: Engine, { data }: Config): readonly string[] {
  const vms = engine.fleets.all().filter(({ retired }) => retired !== true).length;
  if (vms === 0) return [];
  const words = `the store knows ${vms} VMs, and the operator secret is new: each of them is refused`;
  return [`${words} until the secret that they were made with is in ${join(data, "secret")}, or they are applied anew`];
}

/** A log file that cannot be written stops nothing. */
function writerOf(log: LogFile, report: Report): Write {
  return (lines) => {
    try {
      log.write(lines);
    } catch (error) {
      report(error);
    }
  };
}

/** `thread`: what runs in the store's thread. */
export async function startReceiver(config: Config, say: Say, thread: string): Promise<Receiver> {
  mkdirSync(config.data, { recursive: true, mode: 0o750 });
  const { secrets, token, isNew, said } = readSecrets(config);
  const log = openLog(config);
  const report: Report = (error) => say(describe(error), "error");
  const metrics = new Metrics();
  const store = timed(await openStore(config, report, thread), metrics.read);
  const engine = await openEngine(store, metrics, report);
  if (isNew === true) for (const line of strangeSecret(engine, config)) say(line, "error");
  const write = writerOf(log, report);
  logEvents(engine, config.logFormat, write);
  const forwarders = openForwarders(config, store, engine, report);
  metrics.watchForwarders(() => forwarders.status(), engine);
  const stopping = new AbortController();
  const { readers, hosts, takeNotes, trustedProxies, maxWaits, maxStreams, maxStreamsOfOne, rate } = config;
  const most = { maxWaits, maxStreams, maxStreamsOfOne, rate };
  const limits = { readers, hosts, takeNotes, trustedProxies, ...most, stopping: stopping.signal };
  const form = config.logFormat === "json" ? jsonRemarkLine : remarkLine;
  const shown = {
    page: readPage(),
    notes: new Ring<Note>(),
    refused: new Ring<Refused>(),
    log: budgeted((remark: Remark) => write([form(remark)]), Date.now),
    report,
    forwarders,
  };
  const storeId = await identityOf(store);
  const app = await buildApp({ engine, store, storeId, metrics, secrets, token, now: Date.now, ...shown, ...limits });
  await app.listen({ host: config.host, port: config.port });
  const timer = loop(engine, report);
  const retention = keepRetention(config, engine, store, report);
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    clearInterval(retention);
    stopping.abort();
    await forwarders.stop();
    await drain(app, engine);
    log.close();
  };
  return { port: (app.server.address() as AddressInfo).port, said, log, stop };
}
