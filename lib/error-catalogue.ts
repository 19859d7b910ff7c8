/** One kind of error: what is expected there and what to do about it. */
export interface CatalogueEntry {
  /** What a valid value looks like. */
  readonly expected: string;
  /** What to change. */
  readonly remedy: string;
}

function entry(expected: string, remedy: string): CatalogueEntry {
  return { expected, remedy };
}

/** Every error that this library reports. docs/reference/errors.md is generated from it. */
export const CATALOGUE = {
  vm_name_invalid: entry(
    "a lower-case DNS label: letters, digits and hyphens, 1 to 63 characters, no hyphen at either end",
    "rename the VM; the name becomes its hostname, its Proxmox name and its identity at the receiver",
  ),
  vm_name_duplicate: entry("a name used once in its fleet", "rename one of the VMs, or give them different fleets"),
  vm_id_taken: entry(
    "an id that no other VM of the cluster has",
    "give `vmId` another value, or leave it out for the next free one; if it is this very VM under its former name, " +
      'set `overrule: ["vm_id_taken"]` for one apply',
  ),
  vm_foreign: entry(
    "the VM that this stack made",
    "that VM was there before: take it out of the state (`tofu state rm` and its address; no destroy), undo what its " +
      "history in Proxmox shows, and give this VM another `vmId`",
  ),
  overrule_invalid: entry(
    "codes of findings that may be overruled",
    "leave the code out; docs/reference/errors.md says which may be overruled",
  ),
  clone_retries_ignored: entry(
    "one dispatch of the clone, which is what is sent",
    "leave `cloneRetries` out: a second one may take somebody else's VM for its own success; after a locked template " +
      "apply again (`npm run tofu` does so by itself)",
  ),
  fleet_invalid: entry(
    "letters, digits, '.', '_' and '-', 1 to 63 characters, beginning with a letter or digit",
    "set `fleet`, or rename the stack (its id is the default fleet)",
  ),
  fleet_duplicate: entry(
    "one Receiver a fleet: its roster is the whole fleet, so a second one would retire the first one's VMs",
    "share the Receiver, or give one of them another `fleet`",
  ),
  number_out_of_range: entry("a whole number within the range", "change the value"),
  string_invalid: entry("a text of the form that the message says", "change the value"),
  text_unsafe: entry(
    "well-formed Unicode in normal form C, without NUL",
    "change the text, or pass it as a file's content with `encoding: b64`",
  ),
  number_token_in_text: entry(
    "a string token, or a number on its own",
    "build the text with Fn.format or use the string form of the value: a number token inside a string is lost",
  ),
  choice_invalid: entry("one of the listed values", "use one of the listed values"),
  address_invalid: entry('"dhcp", or an address with its prefix length such as "192.0.2.10/24"', "correct the address"),
  gateway_invalid: entry(
    "an address of the same family inside the interface's subnet (anywhere for a /32 or /128)",
    "correct the gateway, or leave it out",
  ),
  gateway_second: entry(
    "one default route of a family",
    "leave all gateways but one out, unless the guest has routing rules of its own",
  ),
  linked_clone_moved: entry(
    "the template's storage for a linked clone with `diskGiB`",
    "leave `datastore` at the template's storage, or make a full clone: a moved disk is linked no more",
  ),
  mac_invalid: entry("a unicast MAC address such as BC:24:11:00:00:01", "correct the MAC address or leave it out"),
  network_conflict: entry(
    "each address and MAC address used once on a bridge and VLAN of a node, in one stack",
    "change one of the two",
  ),
  network_shared: entry(
    "addresses used once where a bridge reaches several nodes",
    "change one of the two, unless each node's bridge is a network of its own",
  ),
  dns_not_explicit: entry(
    "DNS servers beside a static address",
    "set `dns.servers`; without it Proxmox copies the resolver of the node that starts the VM",
  ),
  disk_invalid: entry("a disk interface such as scsi1 or virtio1, used once", "change the interface"),
  disk_slot_missing: entry(
    "a slot for every data disk but the first",
    "write the slot down: without it the disk would be known by its place in the list, and change with it",
  ),
  boot_slot_differs: entry(
    "the slot that the VM boots from",
    "set `diskInterface` to the template's boot disk, and remove the empty disk that was added beside it (Proxmox: detach, " +
      "then remove the unused disk)",
  ),
  template_flags_lost: entry(
    "`bootDisk` beside `diskGiB`",
    "say there what the template's disk has (iothread, ssd, cache, aio, backup, replicate): the provider writes its defaults " +
      "over everything else",
  ),
  boot_disk_undeclared: entry(
    "the size of the boot disk when there are data disks",
    "give `diskGiB` (the template's size or more): the provider would delete a boot disk that is not declared beside others",
  ),
  origin_invalid: entry(
    "exactly one of `templateVmId` and `image`, and nothing that belongs to the other",
    "name the template to clone, or the image to make the VM from, and take the rest out",
  ),
  image_invalid: entry(
    "an http or https address without credentials, or a volume such as local:import/debian-13.qcow2",
    "correct the address or the volume's id; a file's name has letters, digits, '.', '_' and '-' only",
  ),
  image_unverified: entry(
    "the checksum that the image's publisher names",
    "give `sha256` or `sha512`; `unverified: true` takes whatever the address serves",
  ),
  image_checksum_invalid: entry("a checksum in lower-case hex", "copy the checksum from the publisher's list"),
  image_too_large: entry(
    "a disk that the image fits on: Proxmox cannot shrink one, and finds out when the VM is made already",
    "raise `diskGiB`, or say how large the image really is: `minimumDiskGiB`",
  ),
  linked_clone_cross_node: entry(
    "a full clone when the template is on another node",
    "set `fullClone: true`, or keep a template on each node",
  ),
  seed_network_undeliverable: entry(
    "DHCP without dns with a seed that Proxmox does not build",
    "put network-config and resolver into the seed at your URL, or use Seed.snippet",
  ),
  seed_invalid: entry("a volume id such as local:snippets/NAME.yaml, or an https URL ending in /", "correct the seed"),
  ssh_key_invalid: entry("one line of an OpenSSH public key", "paste the content of a .pub file"),
  user_invalid: entry("a POSIX user name, used once", "change the user name"),
  git_url_invalid: entry(
    "an address without credentials in it: https://, ssh:// or user@host:path",
    "remove user and password from the address and use `token` or `deployKey`",
  ),
  git_url_insecure: entry(
    "an https address, or a signature to check",
    "use https (`caCertificate` for an authority of your own) or `signature`; where you accept that whoever is on the way " +
      "decides what runs as root, say `insecureHttp: true`",
  ),
  secret_not_sensitive: entry(
    "a variable with sensitive: true",
    "set `sensitive: true` on the variable: `tofu plan` shows the values of others",
  ),
  secret_literal_suspected: entry(
    "a reference to a sensitive variable where a key speaks of a secret",
    "pass a TerraformVariable's value; a literal stands in the JSON, in the state and in the seed",
  ),
  cloud_config_unknown: entry(
    "a key of cloud-init's own schema",
    "correct the key: cloud-init ignores it, with a warning in a log in the VM",
  ),
  cloud_config_ansible: entry(
    "one that pulls",
    "leave cloud-init's own `ansible` out: it runs beside this library's, once, and nothing reports it",
  ),
  git_ref_invalid: entry("a branch or tag name that git accepts", "correct the ref"),
  git_commit_invalid: entry("a full commit id: 40 or 64 hexadecimal digits", "give the whole id (git rev-parse HEAD)"),
  playbook_invalid: entry(
    "a relative path inside the repository, without '..', of letters, digits and ._/@+=:-",
    "correct the path: ansible-pull would split any other",
  ),
  duration_invalid: entry('a duration such as "30s", "15m", "2h" or "1d"', "correct the duration"),
  schedule_invalid: entry("an interval of at least one minute and a jitter not above it", "change the schedule"),
  ansible_core_invalid: entry(
    'a version such as "2.16" or "2.16.14" as minimum; for pip an exact one such as "2.18.6", not below the minimum',
    "correct the version; pip installs exactly that one, where the image and the distribution have none that will do",
  ),
  extra_vars_reserved: entry("variable names that are Ansible identifiers", "rename the variable"),
  secret_literal: entry(
    "a reference to a sensitive variable",
    "declare a TerraformVariable with sensitive: true and pass its value; a literal would be written into the JSON",
  ),
  secret_in_seed: entry(
    "a secret that the VM fetches itself",
    "anybody who reads the state or the node's snippets reads it; prefer `vault`, or give it the least rights",
  ),
  vault_invalid: entry("an https address, a role id and a wrapped secret id", "complete the Vault settings"),
  receiver_url_invalid: entry(
    "an http(s) address that ends in /webhook, without credentials",
    "use the receiver's full POST address, for example https://receiver.example:9191/webhook",
  ),
  receiver_foreign_stack: entry("a Receiver of the VM's own stack", "make one Receiver in each stack"),
  fleet_mismatch: entry(
    "the fleet of the VM's receiver",
    "leave `fleet` out, or give the VM a Receiver of that fleet: its roster is what makes the VM known there",
  ),
  receiver_missing: entry("a receiver", "set `receiver`, or leave out what needs one"),
  certificate_invalid: entry("one or more PEM certificates", "paste the certificate including its BEGIN and END lines"),
  cloud_config_reserved: entry("a cloud-config key that this construct does not own", "use the prop that sets it"),
  cloud_config_invalid: entry("a value as cloud-init documents it", "correct the cloud-config"),
  cloud_config_reserved_path: entry("a path outside nexus-pull's and cloud-init's own files", "choose another place"),
  seed_too_large: entry("user-data within Proxmox's limit of 1 MiB for a snippet", "move files to the Git repository"),
  seed_large: entry("user-data of at most 16 KiB besides the agent", "move files to the Git repository"),
  tag_invalid: entry("letters, digits and '_', '-', '+', '.', beginning with a letter, digit or '_'", "change the tag"),
  backend_invalid: entry("a bucket, a key and an http(s) endpoint", "complete the backend"),
  backend_duplicate: entry("one state backend in a stack", "remove one of the two"),
  backend_credentials: entry(
    "no credentials in props",
    "give them in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE); props end up in the JSON",
  ),
  backend_untrusted: entry(
    "an https endpoint whose certificate is checked",
    "use https, and `caBundle` for a certificate authority of your own; state holds secrets",
  ),
  encryption_invalid: entry("a sensitive variable for the passphrase", "declare one and pass its value"),
  engine_mismatch: entry(
    "one copy of cdktf (or cdktn under its alias) in the tree",
    'install CDK Terrain as "cdktf": "npm:cdktn@VERSION" with an override, so that every library shares it; see docs/reference/engines.md',
  ),
  environment_invalid: entry("a document that matches the environment's schema", "correct the file at that line"),
} as const satisfies Record<string, CatalogueEntry>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof CATALOGUE;
