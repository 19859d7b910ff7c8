// Resource types that rules know by name.

/** Machines. */
export const VM_TYPES = new Set([
  ...["proxmox_virtual_environment_vm", "proxmox_virtual_environment_container", "proxmox_virtual_environment_vm2"],
  ...["proxmox_vm", "proxmox_cloned_vm", "proxmox_vm_qemu", "proxmox_lxc", "proxmox_cloud_init_disk_vm"],
  ...["libvirt_domain", "vsphere_virtual_machine", "xenorchestra_vm", "incus_instance", "lxd_instance"],
  ...["openstack_compute_instance_v2", "aws_instance", "google_compute_instance", "azurerm_linux_virtual_machine"],
  ...["hcloud_server", "digitalocean_droplet", "linode_instance", "vultr_instance", "oci_core_instance"],
]);

/** Resources of ansible/ansible, nbering/ansible, marshallford/ansible, habakke/ansible. */
export const ANSIBLE_TYPES =
  /^ansible_(host|group|playbook|vault|host_var|group_var|host_vars|group_vars|inventory|play|run|galaxy_.*|ssh_.*)$/;

export const NAVIGATOR_TYPES = /^ansible_navigator_run$/;

/** What only the guest, or a wait for it, can tell. */
export const GUEST_ADDRESS =
  /^(ipv4_addresses|ipv6_addresses|default_ipv4_address|default_ipv6_address|ssh_host|network_interface_names|guest_ip_addresses|default_ip_address)$/;

/** An image that is made to run Ansible in. */
export const EXECUTION_ENVIRONMENT =
  /ansible|creator-ee|awx-ee|execution[-_]env|community-ee|(^|[/_-])ee([-_:@/]|$)|supported-rhel|minimal-rhel/i;

export const WRAPPERS = new Set(["null_resource", "terraform_data"]);
