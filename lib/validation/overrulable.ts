/**
 * Findings that a VM may overrule: each guards against a mistake, and somebody may know better. Not among them is what would
 * leak a secret, break the seed or the JSON, or harm what is not this VM's.
 */
export const OVERRULABLE = [
  "vm_id_taken",
  "boot_slot_differs",
  "number_out_of_range",
  "string_invalid",
  "choice_invalid",
  "address_invalid",
  "gateway_invalid",
  "mac_invalid",
  "network_conflict",
  "disk_invalid",
  "linked_clone_cross_node",
  "ssh_key_invalid",
  "user_invalid",
  "cloud_config_reserved",
  "cloud_config_invalid",
  "cloud_config_reserved_path",
] as const;

/** A code of a finding that a VM may overrule. */
export type OverrulableCode = (typeof OVERRULABLE)[number];
