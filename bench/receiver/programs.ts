// The processes of a measurement. Each program is bundled as the receiver's package is, since a loader that compiles on the
// way (tsx) makes functions slower than what ships.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import { dependencies } from "../../receiver/package.json";
import { type Running, signalGroup, start, until } from "../../lab/host/processes";
import { SECRET } from "./life";
import type { Done, Job } from "./load";

const ROOT = resolve(__dirname, "..", "..");
/** Below node_modules, where packages are found from and nothing is looked at. */
const BUILT = join(ROOT, "node_modules", ".cache", "nexus-pull-bench");

/** A text of a source file that a measurement's baseline has another one for. */
export interface Change {
  readonly file: RegExp;
  readonly from: string;
  readonly to: string;
}

function changing({ file, from, to }: Change): Plugin {
  return {
    name: "change",
    setup(builder) {
      builder.onLoad({ filter: file }, ({ path }) => {
        const text = readFileSync(path, "utf8");
        if (!text.includes(from)) throw new Error(`${path} has no ${from}: the baseline would be the receiver itself`);
        return { contents: text.replace(from, to), loader: "ts" };
      });
    },
  };
}

const made = new Map<string, Promise<string>>();

/** A program's path, bundled once; gone when this process ends. */
export function bundled(entry: string, change?: Change): Promise<string> {
  const key = JSON.stringify([entry, change?.to]);
  const program = made.get(key) ?? bundle(entry, change);
  made.set(key, program);
  return program;
}

async function bundle(entry: string, change?: Change): Promise<string> {
  mkdirSync(BUILT, { recursive: true });
  const folder = mkdtempSync(join(BUILT, "program-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, "program.js");
  await build({
    entryPoints: [join(ROOT, entry)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20.9",
    // As the package ships it: what it depends on stays outside, the contract and all else goes in.
    external: Object.keys(dependencies),
    logLevel: "warning",
    ...(change === undefined ? {} : { plugins: [changing(change)] }),
  });
  cpSync(join(ROOT, "receiver", "dashboard"), join(folder, "dashboard"), { recursive: true });
  return outfile;
}

/** Of /proc; Linux has the same on every machine. */
const CLOCK_TICKS = 100;
/** Nothing here takes longer. */
const LIMIT_MS = 300_000;
const ENV = { PATH: process.env.PATH, HOME: process.env.HOME };

/** A process that listens, in a group of its own. */
export class Server {
  private constructor(
    public readonly port: number,
    private readonly running: Running,
    private readonly leaves: () => void,
  ) {}

  /** `says` finds the port in what it prints. */
  public static async start(command: readonly string[], says: RegExp, env = {}, leaves = () => {}): Promise<Server> {
    const [program = "", ...args] = command;
    const running = start(program, args, { cwd: ROOT, env: { ...ENV, ...env }, timeoutMs: LIMIT_MS });
    const port = (): string | undefined => says.exec(running.output())?.[1];
    await until(`${program} listens`, () => port() !== undefined || running.child.exitCode !== null);
    if (port() === undefined) throw new Error(`${command.join(" ")} did not start:\n${running.output()}`);
    return new Server(Number(port()), running, leaves);
  }

  /** Of the process itself, or of what it runs in. */
  public get pid(): number {
    return this.running.child.pid ?? 0;
  }

  /** How often it said so. */
  public said(text: string): number {
    return this.running.output().split(text).length - 1;
  }

  /** Seconds of a processor that it has used so far, its own and the kernel's for it. */
  public processor(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
  }

  public async stop(): Promise<void> {
    // Also to what it runs in, which may not pass it on.
    signalGroup(this.running.child, "SIGTERM");
    await this.running.ended;
    this.leaves();
  }
}

export async function startHello(program: string): Promise<Server> {
  return Server.start([process.execPath, program], /port (\d+)/);
}

export interface ReceiverOptions {
  /** Where its folder is made. @default - the system's folder for temporary files, which is on a disk */
  readonly within?: string;
  /** A folder of data that is there already, and stays. @default - a new one */
  readonly data?: string;
  /** What it runs in. @default - nothing */
  readonly under?: readonly string[];
  /** More for node. @default - nothing */
  readonly node?: readonly string[];
  /** More for the receiver. @default - nothing */
  readonly args?: readonly string[];
}

/** As it is installed, but that one address may send as much as it likes. */
export async function startReceiver(program: string, options: ReceiverOptions = {}): Promise<Server> {
  const { within = tmpdir(), under = [], node = [], args = [] } = options;
  const place = mkdtempSync(join(within, "bench-receiver-"));
  const data = options.data ?? join(place, "data");
  const where = ["--host", "127.0.0.1", "--port", "0", "--data", data, "--log-file", join(place, "log")];
  // The highest limit: it is looked at as usual.
  const command = [...under, process.execPath, ...node, program, ...where, "--rate", "1000000", ...args];
  const leaves = (): void => rmSync(place, { recursive: true, force: true });
  return Server.start(command, /listening: http:\/\/[^/]+:(\d+)\//, { NEXUS_PULL_SECRET: SECRET }, leaves);
}

/** Runs a program with one argument to its end; what it prints. */
export async function run(program: string, argument: unknown): Promise<string> {
  const args = ["--max-old-space-size=4096", program, JSON.stringify(argument)];
  const running = start(process.execPath, args, { cwd: ROOT, env: ENV, timeoutMs: LIMIT_MS });
  const { status, stdout, stderr } = await running.ended;
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
  return stdout;
}

/** Asks from a process of its own. */
export async function ask(program: string, job: Job): Promise<Done> {
  return JSON.parse(await run(program, job)) as Done;
}
