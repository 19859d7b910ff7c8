import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { identifier, items, matches, oneOf, text } from "../values";

const SCSI_HARDWARE = ["lsi", "lsi53c810", "virtio-scsi-pci", "virtio-scsi-single", "megasas", "pvscsi"];
const NIC_MODELS = ["virtio", "e1000", "e1000e", "rtl8139", "vmxnet3"];
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_+.-]*$/;
const NON_EMPTY = /\S/;
const POOL = /^[A-Za-z0-9][A-Za-z0-9._/-]*$/;
// The provider's own form (proxmoxtf/resource/vm/validators.go of 0.111.1).
const MACHINE =
  /^(?:pc|pc(?:-i440fx)?-\d+(?:\.\d+)+(?:\+pve\d+)?(?:\.pxe)?|q35(?:,viommu=(?:intel|virtio))?|pc-q35-\d+(?:\.\d+)+(?:\+pve\d+)?(?:\.pxe)?|virt(?:-\d+(?:\.\d+)+)?(?:\+pve\d+)?)$/;

/** Values that Proxmox takes from a list, and names that it takes in one form. */
export const choicesRule: Rule<CheckedProps> = (props) => [
  ...oneOf("bios", props.bios, ["seabios", "ovmf"]),
  ...oneOf("scsiHardware", props.scsiHardware, SCSI_HARDWARE),
  ...oneOf("agent", props.agent, ["seed", "image"]),
  ...oneOf("mode", props.mode, ["apply", "audit"]),
  ...oneOf("placement", props.placement, ["anywhere", "nodeName"]),
  ...identifier("nodeName", props.nodeName ?? ""),
  ...identifier("templateNodeName", props.templateNodeName),
  ...identifier("datastore", props.datastore),
  ...text("pool", props.pool, POOL, "the name of a pool: letters, digits, '.', '_', '-', nested by '/'"),
  ...text("machine", props.machine, MACHINE, 'a machine type such as "q35", "q35,viommu=virtio" or "pc-q35-9.2+pve1"'),
  ...identifier("cpuType", props.cpuType),
  ...text("inventory", props.inventory, NON_EMPTY, "a path in the repository"),
  ...items("tags", props.tags).flatMap(([prop, tag]) => matches(prop, tag, TAG, "tag_invalid")),
  ...items("ansibleTags", props.ansibleTags).flatMap(([prop, tag]) => matches(prop, tag, ANSIBLE_TAG, "tag_invalid")),
  ...items("ansibleSkipTags", props.ansibleSkipTags).flatMap(([prop, tag]) =>
    matches(prop, tag, ANSIBLE_TAG, "tag_invalid"),
  ),
  ...items("network", props.network).flatMap(([prop, nic]) => [
    ...oneOf(`${prop}.model`, nic.model, NIC_MODELS),
    ...identifier(`${prop}.bridge`, nic.bridge ?? ""),
  ]),
];

const ANSIBLE_TAG = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$/;
