// A host to deploy to: a Debian that boots with systemd in a container, reached by ssh and scp as a real one is.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Outcome, type Running, start, until } from "../../lab/host/processes";
import { freePort } from "../../lab/services/s3";
import { tool } from "../../lab/host/tools";

const QUIET = ["UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "BatchMode=yes", "LogLevel=ERROR"];

export class Host {
  private constructor(
    private readonly folder: string,
    private readonly machine: Running,
    private readonly port: number,
  ) {}

  /** Boots it; what it writes is gone when it ends. It shares this machine's loopback, so its ports are free ones. */
  public static async boot(): Promise<Host> {
    const folder = mkdtempSync(join(tmpdir(), "deploy-host-"));
    const port = await freePort();
    const own = join(folder, "own");
    mkdirSync(own);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
    execFileSync("cp", [join(folder, "key.pub"), join(own, "authorized_keys")]);
    const settings = ["ListenAddress 127.0.0.1", `Port ${port}`, "AuthorizedKeysFile /own/authorized_keys"];
    writeFileSync(join(folder, "sshd_config"), [...settings, "StrictModes no", "UsePAM no", ""].join("\n"));
    const binds = [
      `--bind-ro=${own}:/own`,
      `--bind-ro=${join(folder, "sshd_config")}:/etc/ssh/sshd_config.d/test.conf`,
    ];
    const how = ["--quiet", "--boot", "--volatile=overlay", "--register=no", "--keep-unit", "--console=pipe"];
    const env = { PATH: process.env.PATH };
    const args = [...how, ...binds, "--machine=receiver-host", "--directory", tool("systemd-root")];
    const machine = start("systemd-nspawn", args, { cwd: folder, env, timeoutMs: 600_000, keepStdin: true });
    const host = new Host(folder, machine, port);
    try {
      await until("the host lets us in", async () => (await host.run("true")).status === 0, 120_000);
    } catch (error) {
      await host.end();
      throw new Error(`${String(error)}\n${machine.output()}`, { cause: error });
    }
    return host;
  }

  private options(portFlag: string): string[] {
    return [portFlag, String(this.port), "-i", join(this.folder, "key"), ...QUIET.flatMap((one) => ["-o", one])];
  }

  /** What a person does there by ssh. */
  public run(command: string, timeoutMs = 120_000): Promise<Outcome> {
    const args = [...this.options("-p"), "root@127.0.0.1", command];
    return start("ssh", args, { cwd: this.folder, env: { PATH: process.env.PATH }, timeoutMs }).ended;
  }

  /** The output of a command that has to work. */
  public async out(command: string): Promise<string> {
    const { status, stdout, stderr } = await this.run(command);
    if (status !== 0) throw new Error(`${command} ended with ${status}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** `scp *` in a folder. */
  public async copy(folder: string, to: string): Promise<void> {
    await this.out(`rm -rf ${to} && mkdir -p ${to}`);
    const command = `exec scp ${this.options("-P").join(" ")} * root@127.0.0.1:${to}/`;
    const env = { PATH: process.env.PATH };
    const { status, stderr } = await start("sh", ["-c", command], { cwd: folder, env, timeoutMs: 120_000 }).ended;
    if (status !== 0) throw new Error(`scp ended with ${status}: ${stderr}`);
  }

  public async end(): Promise<void> {
    this.machine.child.kill("SIGTERM");
    await this.machine.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
