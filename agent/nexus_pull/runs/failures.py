"""What ansible said when it failed -> (reason, message). Pure.

Evidence goes first: a task that failed is a failed task, whatever words its output has. Only then the text is searched, and
of it only what ansible itself says, on lines that begin as its messages do.
"""

import re

DISK_FULL = r"no space left on device|errno 28|disk quota exceeded"
# What a task's own message may make more exact than task_failed.
OF_TASKS = (
    ("role_missing", r"^the role '[^']+' was not found"),
    ("disk_full", DISK_FULL),
    ("vault_password_wrong", r"decryption failed|no vault secrets were found that could decrypt"),
    ("vault_password_missing", r"attempting to decrypt but no vault secrets found"),
)
# What ansible says on its own: the words of 2.14 to 2.22.
OF_ANSIBLE = (
    ("disk_full", DISK_FULL),
    ("file_system_read_only", r"read-only file system"),
    ("locale_unusable", r"ansible requires the locale encoding|could not initialize the preferred locale"),
    ("callback_failed", r"(?:loading|load|unable to load) .*callback|callback plugin|callback_plugins|/callback/"),
    ("playbook_missing", r"could not find a playbook to run|the playbook: .* could not be found"),
    ("vault_password_missing", r"no vault secrets found|no vault secrets were specified"),
    ("vault_password_wrong", r"decryption failed|no vault secrets were found that could decrypt"),
    ("extra_vars_invalid", r"extra.?vars|invalid extra vars"),
    ("role_missing", r"the role '[^']+' was not found"),
    ("playbook_invalid", r"syntax error while loading yaml|yaml parsing failed|is not a valid attribute for"),
    ("playbook_invalid", r"playbooks must be a list|conflicting action statements|no module/action detected"),
    ("playbook_invalid", r"could not be parsed|unable to (?:load|read) .*ya?ml|did not find expected|mapping values are"),
    # Last: the checkout itself says so of an inventory that is not checked out yet.
    ("inventory_invalid", r"unable to parse .* as an inventory source|inventory.*(?:not found|does not exist)"),
)
ROLE_MISSING = dict(OF_ANSIBLE)["role_missing"]
UNRESOLVED = re.compile(r"couldn't resolve module/action '(?P<name>[^']+)'|module (?P<other>[\w.]+) was not found", re.IGNORECASE)
SHORTEST_COLLECTION_NAME = 3  # namespace.collection.module
BUILTIN = ("ansible.builtin.", "ansible.legacy.")
# Lines of results and banners are the playbook's words, not ansible's.
OF_PLAYBOOK = re.compile(r"^(?:ok|changed|skipping|included|TASK|PLAY|RUNNING|\s+\"|\s*$)|^(?:fatal|failed): \[")
# ansible-pull's own command line, which it repeats.
COMMAND = re.compile(r"^\S*/ansible-pull --url ")
LAST_LINES = 3
MESSAGE_LIMIT = 1500


def cause(ended, evidence):
    """`ended`: how ansible-pull ended; `evidence`: what its tasks left."""
    if ended.signal is not None:
        return "ansible_killed", "ansible-pull was ended by %s" % ended.signal + _after(evidence)
    # Before a playbook began, all of it is about the checkout.
    lines = [line for line in ended.lines if not COMMAND.match(line)]
    if evidence.begun:
        lines = [line for line in lines if not OF_PLAYBOOK.match(line)]
    # A rescued or ignored failure is no failed record; of several the last one is what ended the run.
    if evidence.failed_tasks:
        return _of_task(evidence.failed_tasks[-1], lines)
    if evidence.unreachable_tasks:
        task = evidence.unreachable_tasks[-1]
        said = "%s could not be reached: %s" % (task.get("host", "a host"), task.get("message", "no message"))
        return "host_unreachable", said[:MESSAGE_LIMIT]
    unresolved = _unresolved(lines)
    if unresolved is not None:
        return unresolved
    # In the order of the table: a general line above must not hide the exact one below.
    for reason, pattern in OF_ANSIBLE:
        for number, line in enumerate(lines):
            if re.search(pattern, line, re.IGNORECASE):
                missing = ["%s:" % ", ".join(ended.missing)] if reason == "playbook_missing" and ended.missing else []
                return reason, _joined(missing + lines[number : number + LAST_LINES])
    said = _joined([line for line in lines if line.strip()][-LAST_LINES:])
    return "ansible_failed", "ansible-pull ended with %d: %s" % (ended.exit_code, said)


def _of_task(task, lines):
    message = task.get("message")
    if message is None:
        # include_role of a role that is nowhere: some versions say it beside the task only.
        missing = [line for line in lines if re.search(ROLE_MISSING, line, re.IGNORECASE)]
        if missing:
            return "role_missing", _joined(missing[:1])
        hidden = "no_log hides why" if task.get("censored") else "it says nothing"
        return "task_failed", "%s: %s" % (_place(task), hidden)
    for reason, pattern in OF_TASKS:
        if re.search(pattern, message, re.IGNORECASE):
            return reason, ("%s: %s" % (_place(task), message))[:MESSAGE_LIMIT]
    return "task_failed", ("%s: %s" % (_place(task), message))[:MESSAGE_LIMIT]


def _place(task):
    where = " (%s)" % task["path"] if "path" in task else ""
    return "task %r%s" % (task["task"], where)


def _unresolved(lines):
    for line in lines:
        found = UNRESOLVED.search(line)
        if found is None:
            continue
        name = found.group("name") or found.group("other")
        of_collection = len(name.split(".")) >= SHORTEST_COLLECTION_NAME and not name.startswith(BUILTIN)
        return ("collection_missing" if of_collection else "module_missing"), _joined([line])
    return None


def _after(evidence):
    return " after the task %r" % evidence.last_task["task"] if evidence.last_task else ""


def _joined(lines):
    return " ".join(" ".join(lines).split())[:MESSAGE_LIMIT]
