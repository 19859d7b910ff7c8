// One QEMU machine: a disk of its own, a seed drive as Proxmox VE makes it, a network that reaches two loopback ports only.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signalGroup, start, until, type Running } from "../host/processes";
import type { Accelerator } from "./accelerator";
import { GuestShell, type Answer } from "./guest-shell";

/** Where the guest finds the services; nothing else answers in its network. */
export const HOST = "10.0.2.100";
const MAC = "52:54:00:12:34:56";

/** As Proxmox VE writes it, static: without a resolver to wait for. */
const NETWORK_CONFIG = `version: 1
config:
    - type: physical
      name: eth0
      mac_address: '${MAC}'
      subnets:
      - type: static
        address: '10.0.2.15'
        netmask: '255.255.255.0'
        gateway: '10.0.2.2'
`;

const BOOT_LIMIT_MS = 480_000;
const MACHINE_LIMIT_MS = 1_800_000;
const POWER_OFF_MS = 90_000;
const ENV = { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin`, LC_ALL: "C" };

/** The two texts of a seed, as Proxmox VE gets them. */
export interface SeedTexts {
  readonly userData: string;
  readonly metaData: string;
}

export interface MachineOptions {
  /** Folder of tools/vm-image.sh. */
  readonly image: string;
  readonly accelerator: Accelerator;
  /** Ports of this machine's loopback that the guest reaches at HOST. */
  readonly ports: readonly number[];
}

/** A machine that can be switched on several times; its folder stays until `remove`. */
export class Machine {
  /** Disk, seed and serial log: what is left to look at after a failure. */
  public readonly folder: string;
  private running?: { readonly qemu: Running; readonly shell: GuestShell; readonly since: number };
  private boots = 0;

  public constructor(
    name: string,
    private readonly options: MachineOptions,
  ) {
    this.folder = mkdtempSync(join(tmpdir(), `nexus-pull-vm-${name}-`));
    const base = ["-b", join(options.image, "disk.qcow2"), "-F", "qcow2"];
    // However this process ends: a disk is large, and the logs beside it are what tells why.
    process.once("exit", () => rmSync(join(this.folder, "disk.qcow2"), { force: true }));
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...base, join(this.folder, "disk.qcow2")], { env: ENV });
  }

  /** Switches it on with a seed; returns at once. */
  public boot(seed: SeedTexts): void {
    this.boots += 1;
    const iso = this.writeSeed(seed);
    const socket = join(this.folder, `shell-${this.boots}.sock`);
    const args = [...this.hardware(), ...this.drives(iso), ...this.network(), "-serial", `file:${this.consoleFile}`];
    args.push("-serial", `unix:${socket},server=on,wait=off`);
    const qemu = start("qemu-system-x86_64", args, { cwd: this.folder, env: ENV, timeoutMs: MACHINE_LIMIT_MS });
    this.running = { qemu, shell: new GuestShell(socket), since: Date.now() };
  }

  /** Seconds since it was switched on. */
  public get seconds(): number {
    return this.running === undefined ? 0 : Math.round((Date.now() - this.running.since) / 1000);
  }

  /** What it has written to its first serial port since it was switched on. */
  public console(): string {
    return existsSync(this.consoleFile) ? readFileSync(this.consoleFile, "utf8") : "";
  }

  /** Waits; fails at once when the machine goes down. */
  public async until(what: string, holds: () => boolean | Promise<boolean>, limitMs = BOOT_LIMIT_MS): Promise<void> {
    let over = false;
    void this.running?.qemu.ended.then(() => (over = true));
    await until(
      what,
      async () => {
        if (over) throw new Error(`the machine went down before ${what}: ${this.running?.qemu.output() ?? ""}`);
        return holds();
      },
      limitMs,
    );
  }

  /** Runs a command line as root inside, whatever state the machine is in. */
  public async shell(command: string, limitMs = 60_000): Promise<Answer> {
    if (this.running === undefined) throw new Error("the machine is off");
    return this.running.shell.run(command, limitMs);
  }

  /** The standard output of a command line that must succeed. */
  public async read(command: string, limitMs?: number): Promise<string> {
    const { status, output } = await this.shell(command, limitMs);
    if (status !== 0) throw new Error(`${command}: exit ${status}\n${output}`);
    return output;
  }

  /** Shuts it down in order, and by force when that takes too long. It is off after a reboot, too (see `-no-reboot`). */
  public async powerOff(how: "poweroff" | "reboot" = "poweroff"): Promise<void> {
    if (this.running === undefined) return;
    const { qemu, shell } = this.running;
    await shell.send(`systemctl ${how} --no-wall`);
    const late = setTimeout(() => signalGroup(qemu.child, "SIGKILL"), POWER_OFF_MS);
    await qemu.ended;
    clearTimeout(late);
    this.closed();
  }

  /** Pulls the plug. */
  public async kill(): Promise<void> {
    if (this.running === undefined) return;
    signalGroup(this.running.qemu.child, "SIGKILL");
    await this.running.qemu.ended;
    this.closed();
  }

  private closed(): void {
    this.running?.shell.close();
    this.running = undefined;
  }

  private get consoleFile(): string {
    return join(this.folder, `console-${this.boots}.log`);
  }

  private writeSeed(seed: SeedTexts): string {
    const files = join(this.folder, `seed-${this.boots}`);
    mkdirSync(files);
    writeFileSync(join(files, "user-data"), seed.userData);
    writeFileSync(join(files, "meta-data"), seed.metaData);
    writeFileSync(join(files, "network-config"), NETWORK_CONFIG);
    const iso = `${files}.iso`;
    execFileSync("genisoimage", ["-quiet", "-volid", "cidata", "-joliet", "-rock", "-o", iso, files], { env: ENV });
    return iso;
  }

  private hardware(): string[] {
    const { accelerator, image } = this.options;
    const kernel = ["-kernel", join(image, "vmlinuz"), "-initrd", join(image, "initrd.img")];
    const append = ["-append", "root=/dev/vda rw console=ttyS0 mitigations=off"];
    const rest = ["-smp", "2", "-m", "1024", "-nodefaults", "-display", "none", "-no-reboot", "-monitor", "none"];
    return [...accelerator.args, ...rest, ...kernel, ...append, "-device", "virtio-rng-pci"];
  }

  private drives(iso: string): string[] {
    const disk = `file=${join(this.folder, "disk.qcow2")},if=virtio`;
    // An IDE drive, as Proxmox VE makes it by default.
    return ["-drive", disk, "-drive", `file=${iso},if=ide,media=cdrom,readonly=on`];
  }

  private network(): string[] {
    const forwards = this.options.ports.map(
      (port) => `,guestfwd=tcp:${HOST}:${port}-cmd:socat -lf /dev/null - TCP4:127.0.0.1:${port}`,
    );
    const device = ["-device", `virtio-net-pci,netdev=n0,mac=${MAC}`];
    return ["-netdev", `user,id=n0,ipv6=off,restrict=on${forwards.join("")}`, ...device];
  }
}
