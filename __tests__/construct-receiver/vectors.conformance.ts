// Keys and MACs as OpenTofu computes them, held to the contract's vectors.
import keys from "@nexus-pull/contract/vectors/keys.json";
import macs from "@nexus-pull/contract/vectors/macs.json";
import { expression, quoted } from "../../lib/opentofu/expressions";
import { keyedHash, requestMac } from "../../lib/receiver/mac";
import { TofuFolder } from "../../lab/host/tofu";
import { describeWith } from "../support/suites";

interface MacVector {
  readonly name: string;
  readonly action: string;
  readonly secret: string;
  readonly fleet: string;
  readonly id: string;
  readonly vm?: string;
  readonly body?: string;
  readonly mac?: string;
  readonly valid: boolean;
}

/** What a stack sends; the other actions are an operator's own. */
const OURS = ["roster", "release", "wait"];
const goodMacs = (macs.vectors as unknown as MacVector[]).filter(
  ({ action, valid, mac }) => OURS.includes(action) && valid && mac !== undefined && !mac.includes(" "),
);

/** The lines of a request's message, as HCL operands. */
function lines(vector: MacVector): string[] {
  const { action, body = "", fleet, id, vm = "" } = vector;
  const end = action === "roster" ? [quoted(id), `sha256(${quoted(body)})`] : [quoted(vm), quoted(id)];
  return [quoted(action), quoted(fleet), ...end];
}

describeWith(["tofu", "tofurc"], "vectors in OpenTofu", () => {
  it("fails when a key or a MAC differs from the contract's", async () => {
    const secrets: Record<string, string> = {};
    const output: Record<string, object> = {};
    keys.vectors.forEach(({ secret, fleet, vm }, i) => {
      secrets[`key_secret_${i}`] = secret;
      output[`key_${i}`] = { value: expression(keyedHash(`var.key_secret_${i}`, quoted(`${fleet}/${vm}`))) };
    });
    goodMacs.forEach((vector, i) => {
      secrets[`mac_secret_${i}`] = vector.secret;
      output[`mac_${i}`] = { value: expression(requestMac(`var.mac_secret_${i}`, lines(vector))) };
    });
    expect(goodMacs.length).toBeGreaterThan(2);
    const variable = Object.fromEntries(
      Object.keys(secrets).map((name) => [name, { type: "string", sensitive: true }]),
    );
    for (const [name, value] of Object.entries(output))
      if (name.startsWith("key")) Object.assign(value, { sensitive: true });
    const folder = new TofuFolder({ "main.tf.json": { variable, output }, "terraform.tfvars.json": secrets });
    try {
      await folder.run(["init"]);
      await folder.run(["apply", "-auto-approve"]);
      const values = JSON.parse(await folder.run(["output", "-json"])) as Record<string, { value: string }>;
      expect(keys.vectors.map((_, i) => values[`key_${i}`]?.value)).toEqual(keys.vectors.map(({ key }) => key));
      expect(goodMacs.map((_, i) => values[`mac_${i}`]?.value)).toEqual(goodMacs.map(({ mac }) => mac));
    } finally {
      folder.remove();
    }
  });
});
