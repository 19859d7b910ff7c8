import type { Finding } from "../../errors";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { IDENTIFIER, duplicates, items, known, matches } from "../values";

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
    ...slots.flatMap(([prop, slot]) => matches(prop, slot, INTERFACE, "disk_invalid")),
    ...duplicates(
      slots.filter(([, slot]) => known(slot)),
      "disk_invalid",
    ),
    ...data.flatMap(([prop, disk]) => matches(`${prop}.datastore`, disk.datastore, IDENTIFIER, "string_invalid")),
  ];
};

// The provider takes the declared disks for all there are: with one that is edited, it deletes the boot disk that is not among
// them (seen with 0.111.1).
function undeclaredBootDisk({ dataDisks, diskGiB, image }: CheckedProps): Finding[] {
  const missing = dataDisks !== undefined && dataDisks.length > 0 && diskGiB === undefined && image === undefined;
  return missing ? [{ code: "boot_disk_undeclared", prop: "diskGiB", got: "nothing beside dataDisks" }] : [];
}
