// A schema-driven fuzzer asks a real receiver what openapi.json allows and what it forbids, and holds the answers to it.
import { join } from "node:path";
import { deriveVmKey } from "@nexus-pull/contract";
import { start } from "../../lab/host/processes";
import { tool } from "../../lab/host/tools";
import { describeWith } from "../support/suites";
import { beat } from "../../lab/services/receiver-client";
import { Place, ReceiverProcess, ROOT, SECRET } from "../../lab/services/receiver-process";

const CONFIG = join(__dirname, "schemathesis.toml");
const HOOKS = "schemathesis_hooks";
/** Live views do not end. */
const LEFT_OUT = "/stream$";

describeWith(["schemathesis"], "openapi.json", () => {
  const place = new Place();
  let receiver: ReceiverProcess | undefined;
  afterAll(async () => {
    await receiver?.end();
    place.remove();
  });

  test("is what the receiver does, whatever is asked", async () => {
    receiver = await ReceiverProcess.start(place, 0, { NEXUS_PULL_SECRET: SECRET, NEXUS_PULL_RATE: "0" });
    expect((await beat(receiver.base, "nexus-01", "e".repeat(32), 1)).status).toBe(200);
    const options = ["--max-examples", "12", "--phases", "examples,coverage,fuzzing", "--request-timeout", "20"];
    const quiet = ["--no-shrink", "--generation-deterministic", "--continue-on-failure", "--no-color"];
    const args = ["--config-file", CONFIG, "run", `${receiver.base}/openapi.json`, "--exclude-path-regex", LEFT_OUT];
    const env = {
      ...{ PATH: process.env.PATH, HOME: place.path, SCHEMATHESIS_HOOKS: HOOKS, PYTHONPATH: __dirname },
      ...{
        EXAMPLES: join(ROOT, "contract", "examples", "events.json"),
        VM_KEY: deriveVmKey(SECRET, "dev", "nexus-01"),
      },
    };
    const program = join(tool("schemathesis"), "bin", "schemathesis");
    const fuzzer = start(program, [...args, ...options, ...quiet], { cwd: place.path, env, timeoutMs: 110_000 });
    const { status, stdout } = await fuzzer.ended;
    expect({ status, said: status === 0 ? "" : stdout.slice(-6000) }).toEqual({ status: 0, said: "" });
    const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1]);
    expect(number(/Tested: (\d+)/)).toBeGreaterThan(15);
    expect(number(/(\d+) generated/)).toBeGreaterThan(300);
    // The hooks reach it: events are stored and come again, notes are taken, and what is no event is refused as such.
    const metrics = await (await fetch(`${receiver.base}/metrics`)).text();
    const stored = [...metrics.matchAll(/^nexus_pull_events_total\{.*\} (\d+)$/gm)].map(([, count]) => Number(count));
    expect(stored.length).toBeGreaterThan(10);
    for (const reached of ["duplicate_events_total", "notes_total", 'refusals_total{code="event_invalid"}'])
      expect(metrics).toContain(`\nnexus_pull_${reached} `);
    expect(metrics).not.toMatch(/^nexus_pull_(?:duplicate_events|notes)_total 0$/m);
    expect(receiver.output).not.toMatch(/\bat .*\.ts:\d+/);
  });
});
