// `npm run tofu` as a person runs it, in a folder that stands for a clone of the example app.
import { join } from "node:path";
import { start, type Running } from "../../lab/host/processes";
import type { TofuFolder, TofuOptions } from "../../lab/host/tofu";
import { REPOSITORY, tool } from "../../lab/host/tools";

/** Starts what `npm run tofu -- ARGS` starts, and returns at once. */
export function npmRunTofu(folder: TofuFolder, args: readonly string[], options: TofuOptions = {}): Running {
  const { env, subfolder, ...rest } = options;
  const loader = join(REPOSITORY, "node_modules", "tsx", "dist", "loader.mjs");
  return start(process.execPath, ["--import", loader, join(REPOSITORY, "scripts", "tofu.ts"), ...args], {
    cwd: join(folder.path, subfolder ?? ""),
    env: folder.environment({ NEXUS_PULL_TOFU: tool("tofu"), ...env }),
    ...rest,
  });
}
