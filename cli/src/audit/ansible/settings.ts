// ansible.cfg and inventories.
import { basename } from "node:path";
import type { Place } from "../types";
import type { TextFile } from "../files";
import type { Context } from "./context";
import { isControllerPath, leavesRepository } from "./context";
import { shortName } from "./keywords";
import { judgeStrategy } from "./plays";
import { judgeInterpreter, judgeKey } from "./scalars";

interface Setting extends Place {
  readonly section: string;
  readonly key: string;
  readonly value: string;
}

/** The settings of an INI file, values over several lines joined. */
export function settingsOf(file: TextFile): Setting[] {
  const found: { section: string; key: string; value: string; file: string; line: number; column: number }[] = [];
  let section = "";
  for (const [index, raw] of file.text.split(/\r?\n/).entries()) {
    const line = raw
      .replace(/^\ufeff/, "")
      .replace(/\s[;#].*$/, "")
      .trimEnd();
    const header = /^\s*\[([^\]]+)\]/.exec(line);
    const setting = /^([A-Za-z_][\w.-]*)\s*[=:]\s*(.*)$/.exec(line);
    if (/^\s*[#;]/.test(line)) continue;
    if (header !== null) section = header[1]!.trim();
    else if (setting !== null)
      found.push({ section, key: setting[1]!, value: setting[2]!, file: file.path, line: index + 1, column: 1 });
    else if (/^\s+\S/.test(line) && found.length > 0) found.at(-1)!.value += ` ${line.trim()}`;
  }
  return found;
}

/** Callbacks that report from a controller to a service. */
const CONTROLLER_CALLBACKS =
  /^(ara.*|slack|mail|hipchat|jabber|logdna|logentries|logstash|loganalytics|loganalytics_ingestion|splunk|sumologic|nrdp|elastic|foreman|say|osx_say|awx_display|syslog_json|grafana_annotations|datadog.*|opentelemetry|azuredevops|aws_resource_actions|log_plays|tower_display|junit|sentry|msteams|teams|telegram|discord|mattermost|rocketchat|zabbix|statsd|influxdb)$/;

const YES = /^(true|yes|on|1|y|t)$/i;

type SettingRule = (setting: Setting, context: Context) => void;

const callbacks: SettingRule = (setting, { findings }) => {
  const names = setting.value.split(/[\s,]+/).filter((one) => CONTROLLER_CALLBACKS.test(shortName(one)));
  if (names.length > 0) findings.add("controller_callback", setting, `${setting.key} = ${names.join(", ")}`);
};
const asks: SettingRule = (setting, { findings }) => {
  if (YES.test(setting.value))
    findings.add("become_password", setting, `${setting.key} = ${setting.value}`, { grade: "blocker" });
};
const askVault: SettingRule = (setting, { findings }) => {
  if (YES.test(setting.value))
    findings.add("vault_secret", setting, `${setting.key} = ${setting.value}`, { grade: "blocker" });
};
const vaultFile: SettingRule = (setting, { findings }) =>
  findings.add("vault_secret", setting, `${setting.key} = ${setting.value}`);
/** Where ansible-galaxy installs, and where Ansible looks in any case. */
const DEFAULT_PATH = /^(~\/\.ansible|\/usr\/share\/ansible|\/etc\/ansible)\/(roles|collections|plugins\/\w+)\/?$/;

const paths: SettingRule = (setting, { findings, repository }) => {
  const outside = setting.value
    .split(/[:,]/)
    .map((one) => one.trim())
    .filter((one) => isControllerPath(one) || leavesRepository(one, setting.file, repository.root));
  const usual = outside.every((one) => DEFAULT_PATH.test(one));
  if (outside.length === 0 || (usual && /^collections_paths?$/.test(setting.key))) return;
  const note = { grade: "works", why: "ansible-galaxy installs there on a VM, too" } as const;
  const what = `${setting.key} = ${outside.join(":")}`;
  findings.add("outside_repository", setting, what, usual ? note : { grade: "change" });
};
const inventory: SettingRule = (setting, context) => {
  if (
    /\.(py|sh|rb|pl)(\s|,|$)|_inventory\b|\bec2\b|\.(aws_ec2|proxmox|azure_rm|gcp(_compute)?|openstack)\.ya?ml/.test(
      setting.value,
    )
  ) {
    context.findings.add("dynamic_inventory", setting, `inventory = ${setting.value}`);
  } else paths(setting, context);
};

const SETTINGS: Readonly<Record<string, SettingRule>> = {
  stdout_callback: callbacks,
  callback_whitelist: callbacks,
  callbacks_enabled: callbacks,
  callback_enabled: callbacks,
  become_ask_pass: asks,
  ask_become_pass: asks,
  ask_sudo_pass: asks,
  ask_su_pass: asks,
  ask_pass: asks,
  become_password_file: (setting, { findings }) =>
    findings.add("become_password", setting, `${setting.key} = ${setting.value}`),
  connection_password_file: (setting, { findings }) =>
    findings.add("become_password", setting, `${setting.key} = ${setting.value}`),
  ask_vault_pass: askVault,
  vault_password_file: vaultFile,
  vault_identity_list: vaultFile,
  roles_path: paths,
  role_path: paths,
  collections_path: paths,
  collections_paths: paths,
  library: paths,
  module_utils: paths,
  callback_plugins: (setting, context) => {
    const outside = setting.value
      .split(":")
      .filter((one) => isControllerPath(one.trim()) && !DEFAULT_PATH.test(one.trim()));
    if (outside.length > 0)
      context.findings.add("controller_callback", setting, `callback_plugins = ${outside.join(":")}`);
  },
  enable_plugins: (setting, { findings }) => {
    const dynamic = setting.value.split(/[\s,]+/).filter((one) => PLUGINS.test(shortName(one)));
    if (dynamic.length > 0) findings.add("dynamic_inventory", setting, `enable_plugins = ${dynamic.join(", ")}`);
  },
  filter_plugins: paths,
  lookup_plugins: paths,
  action_plugins: paths,
  inventory,
  hostfile: inventory,
  interpreter_python: (setting, context) => judgeInterpreter(setting.value, setting, context),
  strategy: (setting, context) => judgeStrategy(setting.value, setting, context),
  strategy_plugins: (setting, { findings }) =>
    findings.add("strategy", setting, `strategy_plugins = ${setting.value}`, {
      grade: "change",
      why: "the plugin must be on every VM",
    }),
};

export function judgeConfiguration(file: TextFile, context: Context): void {
  for (const setting of settingsOf(file)) {
    const rule = Object.hasOwn(SETTINGS, setting.key) ? SETTINGS[setting.key] : undefined;
    if (setting.value !== "") rule?.(setting, context);
  }
}

/** Whether a file is an inventory in INI form: by its name or folder, and a group's header or a host's variables. */
export function isIniInventory(path: string, text: string): boolean {
  const named =
    /(^|\/)(inventory|inventories|hosts)(\/|$)|(^|\/)(hosts|inventory)[\w.-]*$|\.(ini|inventory|hosts)$/.test(path);
  if (!named || /\.(ya?ml|py|sh|cfg|tf|json|j2|md|tpl|tftpl|tmpl|conf|toml)$/.test(path)) return false;
  if (/(^|\/)(group_vars|host_vars)\//.test(path)) return false;
  return /^\s*\[[\w.:-]+\]\s*$/m.test(text) || /^\S+\s+ansible_\w+=/m.test(text);
}

export function judgeIniInventory(file: TextFile, context: Context): void {
  for (const [index, raw] of file.text.split(/\r?\n/).entries()) {
    if (/^\s*[#;]/.test(raw)) continue;
    const place = { file: file.path, line: index + 1, column: 1 };
    for (const match of raw.matchAll(/(?:^|\s)(ansible_\w+)\s*=\s*("[^"]*"|'[^']*'|\S+)/g)) {
      const value = (match[2] ?? "").replace(/^["']|["']$/g, "");
      judgeKey(match[1] ?? "", value, place, context);
    }
  }
}

/** A program that prints an inventory. */
export function isInventoryProgram(path: string, text: string): boolean {
  const named =
    /(^|\/)(inventory|inventories|hosts)\/[^/]+$|inventory[\w-]*(\.\w+)?$|(^|\/)(ec2|gce|openstack|proxmox|vmware|azure_rm|cobbler|digital_ocean)[\w-]*\.py$/;
  if (!named.test(path) || /\.(ya?ml|ini|json|cfg|j2|tf|md)$/.test(path)) return false;
  return (
    /^#!/.test(text) &&
    (/--list\b/.test(text) || /_meta\b/.test(text) || /tofu|terraform|curl|boto|proxmoxer/.test(text))
  );
}

/** Inventory plugins that only read what is there. */
const STATIC_PLUGINS = /^(constructed|generator|advanced_host_list|host_list|ini|yaml|auto|toml|script)$/;
const PLUGINS =
  /^(aws_ec2|aws_rds|azure_rm|gcp_compute|proxmox|openstack|vmware_vm_inventory|vmware_host_inventory|esxi_hosts|vms|hcloud|digitalocean|nb_inventory|netbox|docker_containers|docker_swarm|docker_machine|k8s|kubevirt|libvirt|linode|lxd|incus|nmap|online|scaleway|vultr|foreman|tower|controller|terraform_provider|terraform_state|terraform_inventory|cobbler|opennebula|virtualbox|vagrant|icinga2|gitlab_runners|cloudscale|stackpath_compute|ovirt|servicenow|now|satellite|xen_orchestra|tailscale|consul|nutanix\w*)$/;

/** The plugin that an inventory in YAML names, when it asks somebody else. */
export function dynamicPlugin(value: string, path: string): boolean {
  const name = shortName(value);
  if (STATIC_PLUGINS.test(name)) return false;
  const inInventory = /inventor|hosts/.test(path) || PLUGINS.test(basename(path).split(".").at(-2) ?? "");
  return PLUGINS.test(name) && (value.split(".").length === 3 || inInventory || name === value);
}
