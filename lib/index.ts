export { NexusVmPull } from "./nexus-vm-pull";
export type {
  DataDisk,
  Dns,
  NetworkInterface,
  NexusVmPullProps,
  StartupOrder,
} from "./props";
export { Git, type GitHttpsOptions, type GitOptions, type GitSshOptions } from "./ansible-pull/git";
export { Schedule } from "./ansible-pull/schedule";
export { Signature, type SignedObject } from "./ansible-pull/signature";
export { Vault, type VaultAppRoleOptions, type VaultField } from "./ansible-pull/vault";
export * from "./backend";
export type { CloudConfig, CloudConfigFile, CloudUser } from "./cloud-init/cloud-config";
export { CATALOGUE, NexusPullError, type ErrorCode, type Finding, type Problem } from "./errors";
export type { CatalogueEntry } from "./error-catalogue";
export { ChangePolicy } from "./proxmox/change-policy";
export { NexusVariables } from "./proxmox/nexus-variables";
export { ProxmoxFile, ProxmoxProvider, ProxmoxVm } from "./proxmox/resource-types";
export { Seed, type ExistingSeedOptions, type SnippetSeedOptions } from "./proxmox/seed";
export { Receiver, type ReceiverProps, type WaitForConfigured, type WaitOptions } from "./receiver";
