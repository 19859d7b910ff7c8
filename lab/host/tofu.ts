// Real OpenTofu in a temporary folder that shares nothing with the user's: configuration, plugins, HOME, TMPDIR.
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { start, type Outcome, type Running } from "./processes";
import { tool } from "./tools";

export interface TofuOptions {
  /** Added to the isolated environment. @default - nothing */
  readonly env?: Readonly<Record<string, string>>;
  /** Subfolder to run in. @default - the folder itself */
  readonly subfolder?: string;
  /** @default - standard input is closed */
  readonly stdin?: string;
  /** Milliseconds. @default 120000 */
  readonly timeoutMs?: number;
}

/** A folder in which tofu runs. Remove it when done. */
export class TofuFolder {
  private readonly root = realpathSync(mkdtempSync(join(tmpdir(), "nexus-pull-tofu-")));
  /** Where the configuration is. */
  public readonly path = join(this.root, "work");

  /** @param files name in the folder to content; what is not a string is written as JSON */
  public constructor(files: Readonly<Record<string, unknown>> = {}) {
    for (const name of ["work", "home", "tmp"]) mkdirSync(join(this.root, name));
    for (const [name, content] of Object.entries(files)) this.write(name, content);
  }

  /** Writes a file; what is not a string is written as JSON. */
  public write(name: string, content: unknown): void {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content, null, 2));
  }

  /** Reads a file as text. */
  public read(name: string): string {
    return readFileSync(join(this.path, name), "utf8");
  }

  /** The environment in which tofu runs. */
  public environment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      // The provider keeps a counter in TMPDIR and known hosts in HOME: both are this folder's own.
      HOME: join(this.root, "home"),
      TMPDIR: join(this.root, "tmp"),
      TF_CLI_CONFIG_FILE: tool("tofurc"),
      TF_IN_AUTOMATION: "1",
      TF_INPUT: "0",
      CHECKPOINT_DISABLE: "1",
      // Go's collector takes a quarter of the processor time of a large plan; let garbage grow instead, up to a limit.
      GOGC: "400",
      GOMEMLIMIT: "1GiB",
      // OpenTofu ignores NO_COLOR.
      TF_CLI_ARGS: "-no-color",
      ...extra,
    };
  }

  /** Starts tofu and returns at once. */
  public start(args: readonly string[], options: TofuOptions = {}): Running {
    const { env, subfolder, ...rest } = options;
    return start(tool("tofu"), args, { cwd: join(this.path, subfolder ?? ""), env: this.environment(env), ...rest });
  }

  /** Runs tofu to its end, whatever its exit status. */
  public async try(args: readonly string[], options: TofuOptions = {}): Promise<Outcome> {
    return this.start(args, options).ended;
  }

  /**
   * Runs tofu and returns its standard output.
   *
   * @throws Error - any exit status but 0; the message has the whole output
   */
  public async run(args: readonly string[], options: TofuOptions = {}): Promise<string> {
    const outcome = await this.try(args, options);
    if (outcome.status !== 0) {
      const how = outcome.timedOut ? "ran out of time" : `ended with ${outcome.status ?? outcome.signal}`;
      throw new Error(`tofu ${args.join(" ")} ${how}\n${outcome.stdout}${outcome.stderr}`);
    }
    return outcome.stdout;
  }

  /** Removes the folder. */
  public remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
