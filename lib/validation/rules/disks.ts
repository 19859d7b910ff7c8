import type { Finding } from "../../errors";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import type { DataDisk, DiskOptions } from "../../hardware";
import { duplicates, identifier, items, known, matches, oneOf } from "../values";

const INTERFACE = /^(?:scsi(?:[0-9]|[12][0-9]|30)|virtio(?:[0-9]|1[0-5])|sata[0-5])$/;

/** Each disk has a slot of its own that Proxmox knows. */
export const disksRule: Rule<CheckedProps> = (props) => {
  const data = items("dataDisks", props.dataDisks);
  const slots: [string, string][] = [
    ["diskInterface", props.diskInterface ?? "scsi0"],
    ...data.map(([prop, disk], index): [string, string] => [`${prop}.interface`, disk.interface ?? `scsi${index + 1}`]),
  ];
  return [
    ...undeclaredBootDisk(props),
    ...slotsMissing(data),
    ...options("bootDisk", props.bootDisk, props.diskInterface ?? "scsi0"),
    ...data.flatMap(([prop, disk]) => options(prop, disk, disk.interface ?? "scsi1")),
    ...slots.flatMap(([prop, slot]) => matches(prop, slot, INTERFACE, "disk_invalid")),
    ...duplicates(
      slots.filter(([, slot]) => known(slot)),
      "disk_invalid",
    ),
    ...data.flatMap(([prop, disk]) => identifier(`${prop}.datastore`, disk.datastore)),
  ];
};

// By its place in the list a disk would take another one's slot, and content, when one before it goes.
function slotsMissing(data: [prop: string, disk: DataDisk][]): Finding[] {
  return data.flatMap(([prop, disk], index): Finding[] =>
    index === 0 || disk.interface !== undefined
      ? []
      : [
          {
            code: "disk_slot_missing",
            prop: `${prop}.interface`,
            got: "nothing",
            expected: `a slot; the one that it has had so far is "scsi${index + 1}"`,
          },
        ],
  );
}

function options(prop: string, disk: DiskOptions | undefined, slot: string): Finding[] {
  if (!known(disk)) return [];
  const unfit = (flag: string): Finding => ({
    code: "disk_invalid",
    prop: `${prop}.${flag}`,
    got: `true on ${slot}`,
    expected: "a bus that has the flag",
  });
  return [
    ...oneOf(`${prop}.cache`, disk.cache, ["none", "directsync", "writethrough", "writeback", "unsafe"]),
    ...oneOf(`${prop}.aio`, disk.aio, ["io_uring", "native", "threads"]),
    ...oneOf(`${prop}.fileFormat`, disk.fileFormat, ["raw", "qcow2", "vmdk"]),
    ...(disk.iothread === true && slot.startsWith("sata") ? [unfit("iothread")] : []),
  ];
}

// The provider takes the declared disks for all there are: with one that is edited, it deletes the boot disk that is not among
// them (seen with 0.111.1).
function undeclaredBootDisk({ dataDisks, diskGiB, image }: CheckedProps): Finding[] {
  const missing = dataDisks !== undefined && dataDisks.length > 0 && diskGiB === undefined && image === undefined;
  return missing ? [{ code: "boot_disk_undeclared", prop: "diskGiB", got: "nothing beside dataDisks" }] : [];
}
