/** What a token needs for a VM from an image with its seed on an ISO: privileges by path, each measured on a real Proxmox VE. */
export const GRANTS: Readonly<Record<string, readonly string[]>> = {
  "/storage/local": ["Datastore.Allocate", "Datastore.AllocateTemplate", "Datastore.Audit"],
  "/storage/local-lvm": ["Datastore.AllocateSpace", "Datastore.Audit"],
  "/nodes/pve": ["Sys.AccessNetwork"],
  "/sdn/zones/localnetwork": ["SDN.Use"],
  "/vms": [
    ...["VM.Allocate", "VM.Audit", "VM.PowerMgmt"],
    ...["CDROM", "CPU", "Disk", "HWType", "Memory", "Network", "Options"].map((key) => `VM.Config.${key}`),
  ],
};
