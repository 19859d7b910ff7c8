// Ansible's own words: what is a keyword of a play or task, so that the rest is the module.

export const PLAY_ONLY = new Set([
  ...[
    "hosts",
    "roles",
    "tasks",
    "pre_tasks",
    "post_tasks",
    "handlers",
    "vars_prompt",
    "vars_files",
    "serial",
    "strategy",
  ],
  ...["gather_facts", "gather_subset", "gather_timeout", "fact_path", "force_handlers", "max_fail_percentage", "order"],
]);

export const TASK_KEYWORDS = new Set([
  ...[
    "action",
    "any_errors_fatal",
    "args",
    "async",
    "become",
    "become_exe",
    "become_flags",
    "become_method",
    "become_user",
  ],
  ...[
    "changed_when",
    "check_mode",
    "collections",
    "connection",
    "debugger",
    "delay",
    "delegate_facts",
    "delegate_to",
    "diff",
  ],
  ...[
    "environment",
    "failed_when",
    "ignore_errors",
    "ignore_unreachable",
    "listen",
    "local_action",
    "loop",
    "loop_control",
  ],
  ...["module_defaults", "name", "no_log", "notify", "poll", "port", "register", "remote_user", "retries", "run_once"],
  ...[
    "tags",
    "throttle",
    "timeout",
    "until",
    "vars",
    "when",
    "block",
    "rescue",
    "always",
    "sudo",
    "sudo_user",
    "become_pass",
  ],
]);

/** Keywords whose text is an expression without braces. */
export const EXPRESSIONS = new Set(["when", "until", "changed_when", "failed_when", "that"]);

/** Lists of tasks. */
export const TASK_LISTS = new Set(["tasks", "pre_tasks", "post_tasks", "handlers"]);

/** The words that make a mapping a task, in a file that does not say what it is. */
export const TELLING = new Set([
  ...[
    "block",
    "delegate_to",
    "local_action",
    "run_once",
    "register",
    "notify",
    "become",
    "when",
    "include_tasks",
    "loop",
  ],
  ...["import_tasks", "include_role", "import_role", "with_items", "changed_when", "failed_when", "action"],
]);

/** ansible.builtin.pause, ansible.legacy.pause and pause are one module. */
export function shortName(module: string): string {
  return module.split(".").at(-1) ?? module;
}

const BUILTIN = new Set([
  ...[
    "add_host",
    "apt",
    "apt_key",
    "apt_repository",
    "assemble",
    "assert",
    "async_status",
    "authorized_key",
    "blockinfile",
  ],
  ...[
    "command",
    "copy",
    "cron",
    "debconf",
    "debug",
    "dnf",
    "expect",
    "fail",
    "fetch",
    "file",
    "find",
    "firewalld",
    "get_url",
  ],
  ...["getent", "git", "group", "group_by", "hostname", "import_playbook", "import_role", "import_tasks", "include"],
  ...[
    "include_role",
    "include_tasks",
    "include_vars",
    "iptables",
    "known_hosts",
    "lineinfile",
    "meta",
    "mount",
    "package",
  ],
  ...["package_facts", "pause", "ping", "pip", "raw", "reboot", "replace", "rpm_key", "script", "seboolean", "selinux"],
  ...[
    "service",
    "service_facts",
    "set_fact",
    "set_stats",
    "setup",
    "shell",
    "slurp",
    "stat",
    "subversion",
    "synchronize",
  ],
  ...["sysctl", "systemd", "systemd_service", "tempfile", "template", "timezone", "ufw", "unarchive", "uri", "user"],
  ...["wait_for", "wait_for_connection", "yum", "yum_repository", "win_reboot", "docker_container"],
]);

/** Whether a key can be a module's name. */
export function isModuleName(key: string): boolean {
  return BUILTIN.has(key) || /^[a-z_][\w]*(\.[a-z_]\w*){2,}$/.test(key);
}
