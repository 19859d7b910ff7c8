// A user's project outside the repository: the packed library is installed there by the ordinary npm client.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { start } from "../../lab/host/processes";
import { REPOSITORY } from "../../lab/host/tools";

/** As strict as yarn 1: a package that asks for another Node than this one is an error. */
export const INSTALL = [
  "install",
  "--engine-strict",
  "--no-audit",
  "--no-fund",
  "--prefer-offline",
  "--loglevel=error",
];
const TYPESCRIPT = "5.9";

/** package.json of a user's project, as far as it matters here. */
export interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly overrides?: unknown;
}

const EXAMPLE = join(REPOSITORY, "examples", "existing-stack");

/** What the example depends on, besides this library. */
export function exampleManifest(): Manifest {
  const { dependencies } = JSON.parse(readFileSync(join(EXAMPLE, "package.json"), "utf8")) as Manifest;
  return {
    dependencies: Object.fromEntries(Object.entries(dependencies).filter(([name]) => name !== "nexus-vm-pull")),
  };
}

/** What `npm pack` made. */
export interface Tarball {
  readonly path: string;
  /** Paths inside the package, sorted. */
  readonly files: readonly string[];
}

/** The environment of a person's shell: without what an `npm run` around this test says of the library's own package. */
export function shell(): NodeJS.ProcessEnv {
  const ours = /^(?:npm_(?:package|lifecycle|config_local_prefix)|JEST_|NODE_ENV$|NODE_OPTIONS$|NODE_PATH$|INIT_CWD$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}

/** What a program says on its standard output; fails when it fails. */
export async function command(cwd: string, program: string, args: readonly string[]): Promise<string> {
  const outcome = await start(program, args, { cwd, env: shell(), timeoutMs: 180_000 }).ended;
  if (outcome.status === 0) return outcome.stdout;
  throw new Error(`${program} ${args.join(" ")} ended with ${outcome.status}\n${outcome.stdout}${outcome.stderr}`);
}

/** Why npm cannot install here, or nothing when it can. */
export function registryProblem(): string | undefined {
  const args = ["view", "cdktf@0.21.0", "version", "--prefer-offline", "--fetch-retries=0", "--fetch-timeout=15000"];
  const run = spawnSync("npm", args, { cwd: tmpdir(), env: shell(), encoding: "utf8", timeout: 30_000 });
  if (run.status === 0 && run.stdout.includes("0.21.0")) return undefined;
  return "npm cannot reach a package registry, and its cache does not have cdktf";
}

/** Builds and packs the library, or the package of another folder, into a temporary folder, as a release does. */
export async function packLibrary(folder: string, source = REPOSITORY): Promise<Tarball> {
  const answer = await command(source, "npm", ["pack", "--json", "--pack-destination", folder]);
  // prepack writes to the same stream, so the answer begins at the first line that is an opening bracket.
  const [packed] = JSON.parse(answer.slice(answer.search(/^\[/m))) as { filename: string; files: { path: string }[] }[];
  if (packed === undefined) throw new Error(`npm pack said nothing of a tarball:\n${answer}`);
  return { path: join(folder, packed.filename), files: packed.files.map(({ path }) => path).sort() };
}

/** A new temporary folder under its real path: npm and Node compare paths. */
export function temporaryFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), "nexus-pull-package-")));
}

/** A user's project. Remove it when done. */
export class Consumer {
  public readonly path = temporaryFolder();

  public constructor(tarball: Tarball, manifest: Manifest) {
    copyFileSync(tarball.path, join(this.path, "library.tgz"));
    const dependencies = { "nexus-vm-pull": "file:library.tgz", typescript: TYPESCRIPT, ...manifest.dependencies };
    this.write("package.json", JSON.stringify({ ...manifest, name: "consumer", private: true, dependencies }));
    // Strict, skipLibCheck off, no types: what we publish must stand on its own, without @types/node or anything else of ours.
    this.write("tsconfig.json", readFileSync(join(EXAMPLE, "tsconfig.json"), "utf8"));
  }

  public write(name: string, text: string): void {
    mkdirSync(dirname(join(this.path, name)), { recursive: true });
    writeFileSync(join(this.path, name), text);
  }

  /** Copies a program of fixtures/ in. Those are `.txt`: the repository's own type check has no installed library. */
  public program(name: string): void {
    this.write(`${name}.ts`, readFileSync(join(__dirname, "fixtures", `${name}.ts.txt`), "utf8"));
  }

  /** Copies the example's program in, as `existing.ts`. */
  public example(): void {
    this.write("existing.ts", readFileSync(join(EXAMPLE, "main.ts"), "utf8"));
  }

  public async install(): Promise<void> {
    await command(this.path, "npm", INSTALL);
  }

  /** Checks every type, those in the library's and the engine's declarations too, and compiles. */
  public async compile(): Promise<void> {
    await this.node("node_modules/typescript/bin/tsc", "-p", ".");
  }

  public async node(...args: string[]): Promise<string> {
    return command(this.path, process.execPath, args);
  }

  public read(name: string): string {
    return readFileSync(join(this.path, name), "utf8");
  }

  public remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
