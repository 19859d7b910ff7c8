import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { readPackageFile } from "../templates/package-root";
import { agentProgram } from "./agent-program";

describe("the agent that travels in the seed", () => {
  const program = gunzipSync(Buffer.from(agentProgram().gzipBase64, "base64"));

  test("is the program whose sha256 the manifest names", () => {
    expect(createHash("sha256").update(program).digest("hex")).toBe(agentProgram().sha256);
  });

  test("is the built file, byte for byte", () => {
    expect(program.toString("latin1")).toContain("#!/usr/bin/python3 -IS\n");
    expect(Buffer.from(readPackageFile("agent/built/nexus-pull-agent.gz.b64"), "ascii").length).toBeLessThan(
      128 * 1024,
    );
  });

  test("is one line of base64, as the seed script takes it", () => {
    expect(agentProgram().gzipBase64).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
    expect(agentProgram().version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
