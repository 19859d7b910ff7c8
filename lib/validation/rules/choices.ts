import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { IDENTIFIER, items, matches, oneOf, required } from "../values";

const SCSI_HARDWARE = ["lsi", "lsi53c810", "virtio-scsi-pci", "virtio-scsi-single", "megasas", "pvscsi"];
const NIC_MODELS = ["virtio", "e1000", "e1000e", "rtl8139", "vmxnet3"];
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_+.-]*$/;
const NON_EMPTY = /\S/;

/** Values that Proxmox takes from a list, and names that it takes in one form. */
export const choicesRule: Rule<CheckedProps> = (props) => [
  ...oneOf("bios", props.bios, ["seabios", "ovmf"]),
  ...oneOf("scsiHardware", props.scsiHardware, SCSI_HARDWARE),
  ...oneOf("agent", props.agent, ["seed", "image"]),
  ...oneOf("mode", props.mode, ["apply", "audit"]),
  ...required("nodeName", props.nodeName, IDENTIFIER, "string_invalid"),
  ...matches("templateNodeName", props.templateNodeName, IDENTIFIER, "string_invalid"),
  ...matches("datastore", props.datastore, IDENTIFIER, "string_invalid"),
  ...matches("pool", props.pool, /^[A-Za-z0-9][A-Za-z0-9._/-]*$/, "string_invalid"),
  ...matches("machine", props.machine, IDENTIFIER, "string_invalid"),
  ...matches("cpuType", props.cpuType, IDENTIFIER, "string_invalid"),
  ...matches("inventory", props.inventory, NON_EMPTY, "string_invalid"),
  ...items("tags", props.tags).flatMap(([prop, tag]) => matches(prop, tag, TAG, "tag_invalid")),
  ...items("ansibleTags", props.ansibleTags).flatMap(([prop, tag]) => matches(prop, tag, ANSIBLE_TAG, "tag_invalid")),
  ...items("ansibleSkipTags", props.ansibleSkipTags).flatMap(([prop, tag]) =>
    matches(prop, tag, ANSIBLE_TAG, "tag_invalid"),
  ),
  ...items("network", props.network).flatMap(([prop, nic]) => [
    ...oneOf(`${prop}.model`, nic.model, NIC_MODELS),
    ...matches(`${prop}.bridge`, nic.bridge ?? "", IDENTIFIER, "string_invalid"),
  ]),
];

const ANSIBLE_TAG = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$/;
