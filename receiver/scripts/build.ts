// dist/ of the package: one program with the contract in it, and the dashboard's files beside it.
import { chmodSync, cpSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { dependencies } from "../package.json";

const receiver = resolve(__dirname, "..");
const dist = join(receiver, "dist");

async function main(): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  const outfile = join(dist, "nexus-pull-receiver.js");
  await build({
    entryPoints: [join(receiver, "src", "main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20.9",
    format: "cjs",
    // The contract is private to this repository, so it goes in; dependencies stay outside, and libsql's is of a platform.
    external: Object.keys(dependencies),
    logLevel: "warning",
  });
  chmodSync(outfile, 0o755);
  cpSync(join(receiver, "dashboard"), join(dist, "dashboard"), {
    recursive: true,
    filter: (source) => !source.endsWith("tsconfig.json"),
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
