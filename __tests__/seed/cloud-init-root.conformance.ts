// The checker itself: a check that cannot fail proves nothing of the documents that pass it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cloudInitSchema, cloudInitSchemaOf, parseYamlOf, systemdVerify } from "../support/cloud-init";
import { tool } from "../../lab/host/tools";
import { describeWith } from "../support/suites";

const GOOD = "#cloud-config\npackages: [git]\nwrite_files:\n  - path: /etc/a\n    content: b\n";
const BAD = [
  "#cloud-config\npackages: 5\n",
  "#cloud-config\nntp:\n  enabledd: true\n",
  "#cloud-config\nusers:\n  - name: [1]\n",
  "#cloud-config\na: [\n",
  "packages: [git]\n",
  "",
];

describeWith(["cloud-init-root"], "cloud-init in a chroot", () => {
  it("passes a good document and fails bad ones, each by itself", () => {
    const results = cloudInitSchemaOf([...BAD, GOOD]);
    expect(results.map(({ ok }) => ok)).toEqual([...BAD.map(() => false), true]);
    expect(results[0]?.message).toContain("packages: 5 is not of type 'array'");
    expect(results[1]?.message).toContain("'enabledd' was unexpected");
  });

  it("says the same as the cloud-init command", () => {
    const texts = [GOOD, ...BAD.slice(0, 4)];
    const root = tool("cloud-init-root");
    const folder = mkdtempSync(join(root, "tmp", "nexus-pull-command-"));
    const command = texts.map((text, index) => {
      const file = join(folder, `${index}.yaml`);
      writeFileSync(file, text);
      const args = ["cloud-init", "schema", "--config-file", file.slice(root.length)];
      return spawnSync("chroot", [root, ...args]).status === 0;
    });
    rmSync(folder, { recursive: true });
    expect(command).toEqual(cloudInitSchemaOf(texts).map(({ ok }) => ok));
  });

  it("checks files, and network-config", () => {
    const folder = mkdtempSync(join(tmpdir(), "nexus-pull-schema-"));
    const files = ["good", "bad"].map((name) => join(folder, name));
    try {
      files.forEach((file, index) =>
        writeFileSync(file, `version: 1\nconfig:\n  - type: ${["physical", "moon"][index]}\n    name: eth0\n`),
      );
      expect(cloudInitSchema(files, "network-config").map(({ ok }) => ok)).toEqual([true, false]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("parses YAML as cloud-init does: 1.1, with a tag on what JSON cannot hold", () => {
    expect(parseYamlOf(["a: yes\nb: 010\nc: 2001-01-01\n1: x\n", "- \u00e9\u{1f600}\n- ''\n", "a: [", ""])).toEqual([
      { value: { a: true, b: 8, c: { "!python": "datetime.date(2001, 1, 1)" }, "!1": "x" } },
      { value: ["\u00e9\u{1f600}", ""] },
      { error: expect.stringContaining("expected the node content") as string },
      { value: null },
    ]);
  });

  it("checks hundreds of documents in one call", () => {
    const many = Array.from({ length: 300 }, (_, index) => `${GOOD}hostname: vm-${index}\n`);
    const started = Date.now();
    expect(cloudInitSchemaOf(many).every(({ ok }) => ok)).toBe(true);
    expect(Date.now() - started).toBeLessThan(30_000);
  });

  it("verifies systemd units", () => {
    const unit = (line: string): string => `[Unit]\nDescription=x\n[Service]\n${line}\n`;
    expect(systemdVerify({ "nexus-test.service": unit("ExecStart=/bin/true") })).toBe("");
    expect(systemdVerify({ "nexus-test.service": unit("ExecStart=/opt/none") })).toContain("/opt/none");
    expect(systemdVerify({ "nexus-test.service": unit("ExecStarted=/bin/true") })).toContain("ExecStarted");
  });
});
