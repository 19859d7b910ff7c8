// Where arguments, environment, signals and exit codes meet.
import { type Command, COMMANDS, run } from "./maintain/commands";
import { type Action, ACTIONS, operate } from "./operate/operate";
import { type Config, readConfig } from "./ops/config";
import { urlOf } from "./forward/settings";
import { type Notifier, openNotifier } from "./ops/notify";
import { isJournal, openOwnLog, type Say } from "./ops/own-log";
import { helpText } from "./ops/options";
import { type Receiver, startReceiver } from "./receiver";
import { DamagedError } from "./store/port";

const write = (text: string): void => void process.stderr.write(text);
const say = (line: string): void => write(`${line}\n`);

/** A wrong setting. */
const EXIT_CONFIG = 78;
/** A store that is damaged. Like a wrong setting, it is not mended by starting again. */
const EXIT_DAMAGED = 65;

function onSignals(receiver: Receiver, notifier: Notifier, say: Say): void {
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    notifier.stopping();
    say(`${signal}: taking nothing more, answering what is asked`);
    receiver.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        say(String(error), "error");
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, stop);
  process.on("SIGHUP", () => {
    try {
      receiver.log.reopen();
      say(`SIGHUP: reopened ${receiver.log.path}`);
    } catch (error) {
      // The file is for people; what the receiver does does not depend on it.
      say(`SIGHUP: going on in the old file: ${(error as Error).message}`, "error");
    }
  });
}

interface Asked {
  readonly command?: Command | Action;
  /** Its file, or what it is about. */
  readonly file?: string;
  readonly args: readonly string[];
}

const isAction = (command: Command | Action): command is Action => ACTIONS.some((one) => one === command);

/** The command and its file come first; without one it receives. */
function askedOf(args: readonly string[]): Asked {
  const [command, file] = args;
  if (![...COMMANDS, ...ACTIONS].some((one) => one === command)) return { args };
  const named = file !== undefined && !file.startsWith("-");
  return { command: command as Command | Action, ...(named ? { file, args: args.slice(2) } : { args: args.slice(1) }) };
}

/** `thread`: what runs in the store's thread. */
export async function main(thread: string): Promise<void> {
  process.umask(UMASK);
  try {
    await act(thread);
  } catch (error) {
    say(`nexus-pull-receiver: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(error instanceof DamagedError ? EXIT_DAMAGED : 1);
  }
}

async function act(thread: string): Promise<void> {
  const { command, file, args } = askedOf(process.argv.slice(2));
  const outcome = readConfig({ args, env: process.env, receives: command === undefined });
  if ("help" in outcome) return void process.stdout.write(helpText());
  if ("problems" in outcome) {
    for (const problem of outcome.problems) say(problem);
    process.exitCode = EXIT_CONFIG;
    return;
  }
  const { config, checkOnly } = outcome;
  if (checkOnly) {
    const { secret, token, ...shown } = config;
    // A target's path may be a secret.
    const forwarders = config.forwarders.map((one) => ({ ...one, url: new URL(urlOf(one)).origin }));
    const hidden = { secret: secret && "given", token: token && "given", forwarders };
    return void process.stdout.write(`${JSON.stringify({ ...shown, ...hidden }, null, 2)}\n`);
  }
  if (command !== undefined) {
    const done = isAction(command)
      ? operate({ action: command, target: file, config, say })
      : run({ command, file, config, say });
    process.exitCode = (await done) ? 0 : 1;
    return;
  }
  await receive(config, thread);
}

/** A store has log tails, so nothing that is written is everybody's, whoever starts the program. */
const UMASK = 0o027;

async function receive(config: Config, thread: string): Promise<void> {
  const tell = openOwnLog({ format: config.logFormat, journal: isJournal(process.env, 2), write, now: Date.now });
  const receiver = await startReceiver(config, tell, thread);
  const notifier = openNotifier(process.env, tell);
  onSignals(receiver, notifier, tell);
  for (const line of receiver.said) tell(line);
  tell(`events: ${receiver.log.path}`);
  const host = config.host === "0.0.0.0" || config.host === "::" ? "localhost" : config.host;
  tell(`dashboard: http://${host}:${receiver.port}/`);
  tell(`listening: http://${host}:${receiver.port}/status; VMs post to http://<this host>:${receiver.port}/webhook`);
  notifier.ready();
}
