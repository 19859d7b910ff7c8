// How fast the processor can be had: by KVM where it truly works, else emulated.
import { start } from "../host/processes";

export interface Accelerator {
  readonly name: "kvm" | "tcg";
  readonly args: readonly string[];
}

const KVM: Accelerator = { name: "kvm", args: ["-accel", "kvm", "-cpu", "host"] };
// Multi-threaded, with room for the translated code of a whole system. `-cpu host` is refused here.
const TCG: Accelerator = { name: "tcg", args: ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "qemu64"] };
const PROBE_MS = 15_000;

/**
 * /dev/kvm may open and even make a machine whose guests never get anywhere, so one is booted: until the first program of its
 * initrd speaks.
 */
export async function accelerator(image: string): Promise<Accelerator> {
  const guest = ["-m", "256", "-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio"];
  const kernel = ["-kernel", `${image}/vmlinuz`, "-initrd", `${image}/initrd.img`];
  const append = ["-append", "console=ttyS0 panic=-1 root=/dev/none rootdelay=1"];
  const probe = start("qemu-system-x86_64", [...KVM.args, ...guest, ...kernel, ...append], {
    cwd: image,
    env: { PATH: process.env.PATH },
    timeoutMs: PROBE_MS,
  });
  const deadline = Date.now() + PROBE_MS;
  let over = false;
  const ended = probe.ended.then(
    () => (over = true),
    () => (over = true),
  );
  while (!over && Date.now() < deadline && !speaks(probe.output())) await new Promise((next) => setTimeout(next, 100));
  const works = speaks(probe.output());
  probe.child.kill("SIGKILL");
  await ended;
  return works ? KVM : TCG;
}

// initramfs-tools' first words.
const speaks = (output: string): boolean => output.includes("Loading, please wait");
