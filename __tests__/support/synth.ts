// What an app really writes: App.synth into a folder of its own, as `node main.js` does it.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, type TerraformStack } from "cdktf";

/** A synthesized stack: OpenTofu's JSON as data. */
export type StackJson = Record<string, Record<string, never>> & {
  readonly locals?: Record<string, unknown>;
  readonly resource?: Record<string, Record<string, Record<string, unknown>>>;
};

/** The text of cdk.tf.json of the one stack that `build` makes. */
export function synthText(build: (app: App) => TerraformStack): string {
  const outdir = mkdtempSync(join(tmpdir(), "nexus-pull-synth-"));
  const stderr = jest.spyOn(console, "warn").mockImplementation(() => undefined);
  try {
    const app = new App({ outdir, stackTraces: false });
    const stack = build(app);
    app.synth();
    return readFileSync(join(outdir, "stacks", stack.node.id, "cdk.tf.json"), "utf8");
  } finally {
    stderr.mockRestore();
    rmSync(outdir, { recursive: true, force: true });
  }
}

/** The same as data. */
export function synthJson(build: (app: App) => TerraformStack): StackJson {
  return JSON.parse(synthText(build)) as StackJson;
}
