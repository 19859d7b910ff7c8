/**
 * The provider's resources under the names that this library uses. The long type names go away with the provider's 1.0;
 * this file is where they are spelled.
 */
export { ProxmoxProvider, type ProxmoxProviderConfig } from "../../.gen/providers/proxmox/provider";
export {
  VirtualEnvironmentFile as ProxmoxFile,
  type VirtualEnvironmentFileConfig as ProxmoxFileConfig,
} from "../../.gen/providers/proxmox/virtual-environment-file";
export {
  VirtualEnvironmentVm as ProxmoxVm,
  type VirtualEnvironmentVmConfig as ProxmoxVmConfig,
  type VirtualEnvironmentVmDisk as ProxmoxVmDisk,
  type VirtualEnvironmentVmInitialization as ProxmoxVmInitialization,
  type VirtualEnvironmentVmInitializationIpConfig as ProxmoxVmIpConfig,
  type VirtualEnvironmentVmNetworkDevice as ProxmoxVmNetworkDevice,
} from "../../.gen/providers/proxmox/virtual-environment-vm";

/** Data source of the cluster's VMs; it is read as it is, so it needs no bindings. */
export const CLUSTER_VMS_TYPE = "proxmox_virtual_environment_vms";
export {
  DownloadFile as ProxmoxDownloadFile,
  type DownloadFileConfig as ProxmoxDownloadFileConfig,
} from "../../.gen/providers/proxmox/download-file";
