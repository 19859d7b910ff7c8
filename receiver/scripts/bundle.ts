// What `scp *` carries to a host: the package with its dependencies for that host's processor and a Node runtime in one
// archive, and beside it deploy.sh with what it installs. All of it flat, in one folder.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const receiver = resolve(__dirname, "..");
/** Node as npm packages carry it, with the checksums that the registry has to confirm. */
const NODE_VERSION = "24.21.0";
const NODE_INTEGRITY: Readonly<Record<string, string>> = {
  x64: "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  arm64: "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
};
const USAGE = `usage: npm run bundle -w nexus-vm-pull-receiver -- [--arch x64|arm64] [--out FOLDER]

Makes the folder that is copied to a Linux host (glibc): deploy.sh installs the receiver from it. Packages come from your
npm registry, Node ${NODE_VERSION} among them; nothing is built, and nothing is needed on the host but systemd.

  --arch   the host's processor [${process.arch}]
  --out    the folder, made anew [receiver/dist/deploy]
`;

const run = (program: string, args: readonly string[], cwd: string): string =>
  execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

/** Packs the package as a release does; its file name. */
function pack(into: string): string {
  const printed = run("npm", ["pack", "--json", "--pack-destination", into], receiver);
  // prepack writes to the same stream, so the answer begins at the first line that is an opening bracket.
  const [packed] = JSON.parse(printed.slice(printed.search(/^\[/m))) as { filename: string }[];
  if (packed === undefined) throw new Error("npm pack made no tarball");
  return packed.filename;
}

/** The package installed for the host, as npm would there. */
function install(work: string, tarball: string, arch: string): string {
  const node = `node-linux-${arch}`;
  const dependencies = { "nexus-vm-pull-receiver": `file:${join(work, tarball)}`, [node]: NODE_VERSION };
  const tree = join(work, "tree");
  mkdirSync(tree);
  writeFileSync(join(tree, "package.json"), JSON.stringify({ private: true, dependencies }));
  const target = ["--os=linux", `--cpu=${arch}`, "--libc=glibc"];
  const quiet = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"];
  run("npm", ["install", ...target, ...quiet], tree);
  const lock = JSON.parse(readFileSync(join(tree, "package-lock.json"), "utf8")) as {
    packages: Record<string, { integrity?: string }>;
  };
  const got = lock.packages[`node_modules/${node}`]?.integrity;
  if (got !== NODE_INTEGRITY[arch])
    throw new Error(`${node}@${NODE_VERSION}: the registry's checksum is ${got}, expected ${NODE_INTEGRITY[arch]}`);
  const headers = join(tree, "node_modules", node);
  for (const part of ["include", "share"]) rmSync(join(headers, part), { recursive: true, force: true });
  return tree;
}

function main(): void {
  const options = { arch: { type: "string" }, out: { type: "string" }, help: { type: "boolean" } } as const;
  const { values } = parseArgs({ options });
  if (values.help) return void process.stdout.write(USAGE);
  const arch = values.arch ?? process.arch;
  if (NODE_INTEGRITY[arch] === undefined) throw new Error(`--arch ${arch}: must be x64 or arm64`);
  const work = mkdtempSync(join(tmpdir(), "receiver-bundle-"));
  try {
    const tree = install(work, pack(work), arch);
    const out = resolve(values.out ?? join(receiver, "dist", "deploy"));
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out, { recursive: true });
    // The same tree gives the same archive, so that deploying it again changes nothing.
    const same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
    const archive = join(out, `nexus-pull-receiver-linux-${arch}.tar.gz`);
    run("tar", [...same, "--use-compress-program=gzip -n", "-cf", archive, "-C", tree, "."], tree);
    const { version } = JSON.parse(readFileSync(join(receiver, "package.json"), "utf8")) as { version: string };
    writeFileSync(join(out, "VERSION"), `${version}\n`);
    const deploy = join(receiver, "deploy");
    for (const name of readdirSync(deploy)) copyFileSync(join(deploy, name), join(out, name));
    const sums = readdirSync(out)
      .sort()
      .map((name) => {
        const sum = createHash("sha256")
          .update(readFileSync(join(out, name)))
          .digest("hex");
        return `${sum}  ${name}\n`;
      });
    writeFileSync(join(out, "SHA256SUMS"), sums.join(""));
    process.stdout.write(`${out}: copy all of it to the host, then run there: bash deploy.sh\n`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`bundle: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
