// A seed's ISO image as OpenTofu composes it: Linux mounts it, and cloud-init reads exactly the documents that were meant.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { App } from "cdktf";
import { TerraformLocal } from "cdktf";
import fc from "fast-check";
import { isoImage, META_DATA_BYTES, NETWORK_CONFIG_BYTES } from "../../lib/seed/iso-image";
import { escapeString } from "../../lib/opentofu/literals";
import { local } from "../../lib/opentofu/expressions";
import { TofuFolder } from "../../lab/host/tofu";
import { describeWith } from "../support/suites";
import { synthJson } from "../support/synth";
import { newStack } from "../synth/refusal";
import { userDataOf } from "../support/cloud-init";

interface Documents {
  readonly userData: string;
  readonly metaData: string;
  readonly networkConfig: string;
}

const SEED = Number(process.env.NEXUS_PULL_SEED ?? 20260703);
const SECTOR = 2048;

/** Sizes at which a number of the image changes its form, and contents that a seed may have. */
function documents(): Documents[] {
  const ascii = (length: number): string => "x".repeat(length);
  // The MIME part in base64 ends right before, at and behind a sector, the 15th and the 16th sector, 128 sectors in all.
  const around = [1, 15, 16, 31, 86, 87, 103].flatMap((sectors) => {
    const bytes = Math.floor(((sectors * SECTOR - 90) / 4) * 3);
    return [-2, -1, 0, 1].map((more) => ascii(bytes + more));
  });
  const hostile = [
    "",
    "\n",
    "ü€😀\u2028\u0000",
    "${a} %{b} \\ \" '",
    "\r\n\r",
    "-----\n--x\n",
    "=\n==",
    "\ufeffa",
    "é".repeat(40_000),
  ];
  const sampled = fc.sample(fc.string({ unit: "binary", maxLength: 9_000 }), { seed: SEED, numRuns: 15 });
  const userData = [...around, ...hostile, ...sampled.filter((text) => text.isWellFormed())];
  return userData.map((text, index) => ({
    userData: `#cloud-config\n${text}`,
    metaData: JSON.stringify({
      "instance-id": `i-${index}`,
      pad: ascii(index % 3 === 0 ? META_DATA_BYTES - 60 : index),
    }),
    networkConfig: JSON.stringify({ version: 1, pad: ascii(index % 5 === 0 ? NETWORK_CONFIG_BYTES - 40 : index) }),
  }));
}

/** Each image in base64, from one run of OpenTofu. */
async function compose(all: readonly Documents[]): Promise<Buffer[]> {
  const names: string[] = [];
  const json = synthJson((app: App) => {
    const stack = newStack(app);
    all.forEach((one, index) => {
      const text = (key: keyof Documents): (() => string) => {
        const element = new TerraformLocal(stack, `${key}-${index}`, escapeString(one[key]));
        return () => local(element);
      };
      const scope = new TerraformLocal(stack, `vm-${index}`, "");
      const image = isoImage(scope, {
        userData: text("userData"),
        metaData: text("metaData"),
        networkConfig: text("networkConfig"),
      });
      names.push(image());
    });
    return stack;
  });
  const output = Object.fromEntries(names.map((name, index) => [`i${index}`, { value: `\${base64encode(${name})}` }]));
  const folder = new TofuFolder({ "iso.tf.json": { locals: json.locals, output } });
  try {
    await folder.run(["init"]);
    await folder.run(["apply", "-auto-approve"]);
    const outputs = JSON.parse(await folder.run(["output", "-json"])) as Record<string, { value: string }>;
    return names.map((_, index) => Buffer.from(outputs[`i${index}`]?.value ?? "", "base64"));
  } finally {
    folder.remove();
  }
}

/** The files of an image as isoinfo reads them. Linux itself mounts such an image in the VM suite. */
function filesOf(folder: string, image: Buffer): Record<string, Buffer> {
  const file = join(folder, "seed.iso");
  writeFileSync(file, image);
  const isoinfo = (...args: string[]): Buffer => {
    const { status, stdout, stderr } = spawnSync("isoinfo", ["-i", file, ...args], { maxBuffer: 1 << 26 });
    if (status !== 0) throw new Error(`isoinfo ${args.join(" ")} ended with ${status}\n${stderr}`);
    return stdout;
  };
  const names = isoinfo("-f").toString().trim().split("\n");
  return Object.fromEntries(names.map((name) => [name.slice(1), isoinfo("-x", name)]));
}

describeWith(["tofu", "tofurc", "cloud-init-root"], `a seed on an ISO image (seed ${SEED})`, () => {
  const all = documents();
  const folder = mkdtempSync(join(tmpdir(), "nexus-pull-iso-"));
  let images: Buffer[] = [];

  beforeAll(async () => {
    images = await compose(all);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("fails when a byte of it is none of ASCII's, since the provider uploads it as text", () => {
    for (const image of images) expect(image.find((byte) => byte > 0x7f)).toBeUndefined();
  });

  it("fails when blkid finds another label or kind: cloud-init looks for cidata", () => {
    writeFileSync(join(folder, "label.iso"), images[0] ?? "");
    const { stdout } = spawnSync("blkid", ["-o", "export", join(folder, "label.iso")], { encoding: "utf8" });
    expect(stdout.split("\n")).toEqual(expect.arrayContaining(["LABEL=cidata", "TYPE=iso9660"]));
  });

  it("fails when the size in it is not the image's own", () => {
    for (const image of images) expect(image.readUInt32LE(16 * SECTOR + 80) * SECTOR).toBe(image.length);
  });

  it("fails when it has other files, or cloud-init reads other documents", () => {
    const files = images.map((image) => filesOf(folder, image));
    for (const [index, one] of files.entries()) {
      expect(Object.keys(one).sort()).toEqual(["meta-data", "network-config", "user-data"]);
      expect(one["meta-data"]?.toString().trimEnd()).toBe(all[index]?.metaData);
      expect(one["network-config"]?.toString().trimEnd()).toBe(all[index]?.networkConfig);
    }
    const read = userDataOf(files.map((one) => one["user-data"] ?? Buffer.alloc(0)));
    expect(read).toEqual(all.map(({ userData }) => Buffer.from(userData).toString("base64")));
  }, 120_000);
});
