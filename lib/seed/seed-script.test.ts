import { Token } from "cdktf";
import { renderSeedScript } from "./seed-script";

const token = (name: string): string => Token.asString({ name });

describe("renderSeedScript", () => {
  test("passes tokens through, each alone on its line", () => {
    const [agent, seed] = [token("agent"), token("seed")];
    const lines = renderSeedScript({ agentBase64: agent, seedBase64: seed }).split("\n");
    expect(lines).toContain(agent);
    expect(lines).toContain(seed);
  });

  test("holds nothing that OpenTofu would read as an expression", () => {
    expect(renderSeedScript({ agentBase64: "QUdFTlQ=", seedBase64: "U0VFRA==" })).not.toMatch(/[$%]\{/);
  });

  test("leaves the agent out when the image has it", () => {
    const script = renderSeedScript({ seedBase64: "U0VFRA==", program: "/opt/it's here" });
    expect(script).toContain(`agent='/opt/it'\\''s here'`);
    expect(script).not.toMatch(/gzip|NEXUS_PULL_AGENT/);
  });

  test("is one subshell, so that it cannot end or change the user's own bootcmd", () => {
    const script = renderSeedScript({ agentBase64: "QUdFTlQ=", seedBase64: "U0VFRA==" });
    expect(script.startsWith("( ")).toBe(true);
    expect(script.trimEnd().endsWith(")")).toBe(true);
  });

  test.each(["", "A\nNEXUS_PULL_SEED\nrm -rf /", "$(evil)"])("refuses a seed that is not base64: %j", (seedBase64) => {
    expect(() => renderSeedScript({ seedBase64 })).toThrow(/base64/);
  });
});
