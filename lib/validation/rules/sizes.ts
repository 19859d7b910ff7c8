import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import type { Finding } from "../../errors";
import type { DiskSpeed } from "../../hardware";
import { inRange, items, positive } from "../values";

const VM_ID = [100, 999_999_999] as const;
const MAX_MIB = 16 * 1024 * 1024;
const MAX_GIB = 1024 * 1024;

/** Numbers stay within what Proxmox takes. */
export const sizesRule: Rule<CheckedProps> = (props) => [
  ...inRange("templateVmId", props.templateVmId, ...VM_ID),
  ...inRange("vmId", props.vmId, ...VM_ID),
  ...inRange("cores", props.cores, 1, 512),
  ...inRange("sockets", props.sockets, 1, 16),
  ...inRange("memoryMiB", props.memoryMiB, 64, MAX_MIB),
  ...inRange(
    "balloonMiB",
    props.balloonMiB,
    0,
    typeof props.memoryMiB === "number" && props.memoryMiB > 0 ? props.memoryMiB : MAX_MIB,
  ),
  ...inRange("diskGiB", props.diskGiB, 1, MAX_GIB),
  ...inRange("cloneRetries", props.cloneRetries, 1, 100),
  ...inRange("shutdownTimeoutSeconds", props.shutdownTimeoutSeconds, 1, 86_400),
  ...inRange("startup.order", props.startup?.order, 0, 1_000_000),
  ...inRange("startup.upDelaySeconds", props.startup?.upDelaySeconds, 0, 86_400),
  ...inRange("startup.downDelaySeconds", props.startup?.downDelaySeconds, 0, 86_400),
  ...items("dataDisks", props.dataDisks).flatMap(([prop, disk]) =>
    inRange(`${prop}.sizeGiB`, disk.sizeGiB ?? NaN, 1, MAX_GIB),
  ),
  ...items("dataDisks", props.dataDisks).flatMap(([prop, disk]) => speed(`${prop}.speed`, disk.speed)),
  ...speed("bootDisk.speed", props.bootDisk?.speed),
  ...items("network", props.network).flatMap(([prop, nic]) => [
    ...inRange(`${prop}.vlanId`, nic.vlanId, 1, 4094),
    ...(nic.mtu === 1 ? [] : inRange(`${prop}.mtu`, nic.mtu, 576, 65_520)),
    ...positive(`${prop}.rateLimitMBps`, nic.rateLimitMBps, 10_240),
  ]),
];

function speed(prop: string, limits: DiskSpeed | undefined): Finding[] {
  return (["readMBps", "writeMBps", "readIops", "writeIops"] as const).flatMap((limit) =>
    inRange(`${prop}.${limit}`, limits?.[limit], 1, 1_000_000),
  );
}
