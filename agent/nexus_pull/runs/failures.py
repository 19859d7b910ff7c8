"""What ansible said when it failed -> (reason, message). Pure.

Evidence goes first: a task that failed is a failed task, whatever words its output has. Only then the text is searched, and
of it only what ansible itself says, on lines that begin as its messages do.
"""

import re

from nexus_pull.runs import said

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
    ("callback_unknown", r"invalid callback for stdout specified|could not load '[^']+' callback plugin"),
    ("playbook_missing", r"could not find a playbook to run|the playbook: .* could not be found"),
    ("vault_password_missing", r"no vault secrets found|no vault secrets were specified|vault password file .* was not found"),
    ("vault_password_wrong", r"decryption failed|no vault secrets were found that could decrypt"),
    ("no_hosts_matched", r"leaves us with no hosts to target"),
    ("inventory_invalid", r"completely failed to parse inventory|no inventory was parsed"),
    ("role_missing", r"the role '[^']+' was not found"),
    ("file_missing", r"could not find or access|unable to retrieve file contents"),
    ("playbook_invalid", r"syntax error while loading yaml|yaml parsing failed|is not a valid attribute for"),
    ("playbook_invalid", r"playbooks must be a list|conflicting action statements|no module/action detected"),
    ("playbook_invalid", r"could not be parsed|unable to (?:load|read) .*ya?ml|did not find expected|mapping values are"),
    ("extra_vars_invalid", r"extra.?vars|invalid extra vars"),
    ("inventory_invalid", r"unable to parse .* as an inventory source|inventory.*(?:not found|does not exist)"),
    ("callback_failed", r"callback plugin|callback_plugins"),
)
# An exception that ansible did not expect: only around it is said that it is a callback's.
UNEXPECTED = 250
OF_CALLBACK = re.compile(r"callback_loader|callback plugin|/callbacks?/|skipping plugin \(", re.IGNORECASE)
# The one warning that is a cause: that of an ansible which was not asked to be strict about it.
UNPARSED = re.compile(r"unable to parse .* as an inventory source", re.IGNORECASE)
PARSERS = re.compile(r"failed to parse .*plugin", re.IGNORECASE)
ROLE_MISSING = dict(OF_ANSIBLE)["role_missing"]
UNRESOLVED = re.compile(r"couldn't resolve module/action '(?P<name>[^']+)'|module (?P<other>[\w.]+) was not found", re.IGNORECASE)
SHORTEST_COLLECTION_NAME = 3  # namespace.collection.module
BUILTIN = ("ansible.builtin.", "ansible.legacy.")
# Lines of results and banners are the playbook's words, not ansible's.
OF_PLAYBOOK = re.compile(r"^(?:ok|changed|skipping|included|TASK|PLAY|RUNNING|\s+\"|\s*$)|^(?:fatal|failed): \[")
# ansible-pull's own command line, which it repeats.
COMMAND = re.compile(r"^\S*/ansible-pull --url ")
LAST_LINES = 3
PARSERS_SHOWN = 3
MESSAGE_LIMIT = 1500


def cause(ended, evidence):
    """`ended`: how ansible-pull ended; `evidence`: what its tasks left."""
    if ended.signal is not None:
        return "ansible_killed", "ansible-pull was ended by %s" % ended.signal + _after(evidence)
    lines = [line for line in ended.lines if not COMMAND.match(line)]
    if evidence.begun:
        lines = [line for line in lines if not OF_PLAYBOOK.match(line)]
    # A rescued or ignored failure is no failed record; of several the last one is what ended the run.
    if evidence.failed_tasks:
        return _of_task(evidence.failed_tasks[-1], lines)
    if evidence.unreachable_tasks:
        return "host_unreachable", _unreachable(evidence.unreachable_tasks[-1])
    error = said.error(lines, ended.checkout)
    # Where nothing is marked as an error, one line of all that are no warnings may be it.
    candidates = [error.sentence()] if error.found else said.without_warnings(lines)
    return _unresolved(candidates) or _of_words(ended, candidates, lines) or _unknown(ended, error)


def _of_words(ended, candidates, lines):
    if ended.exit_code == UNEXPECTED and any(OF_CALLBACK.search(line) for line in lines):
        return "callback_failed", _joined(candidates[-1:])
    # In the order of the table: a general line above must not hide the exact one below.
    for reason, pattern in OF_ANSIBLE:
        for number, line in enumerate(candidates):
            if re.search(pattern, line, re.IGNORECASE):
                return reason, _joined([*_tried(reason, ended, lines), *candidates[number : number + LAST_LINES]])
    unparsed = [] if any(said.ERROR.match(line) for line in lines) else [line for line in lines if UNPARSED.search(line)]
    return ("inventory_invalid", _joined(unparsed[:1])) if unparsed else None


def _tried(reason, ended, lines):
    """What the message says beside ansible's words."""
    if reason == "playbook_missing" and ended.missing:
        return ["%s:" % ", ".join(ended.missing)]
    if reason == "no_hosts_matched" and ended.names:
        return ["the inventory has none of the names of this VM (%s):" % ", ".join(ended.names)]
    if reason == "inventory_invalid":
        return ["%s;" % line for line in lines if PARSERS.search(line)][:PARSERS_SHOWN]
    return []


def _unreachable(task):
    host = task.get("delegate") or task.get("host", "a host")
    of = ", to which %s is delegated," % place(task) if task.get("delegate") else ""
    return ("%s%s could not be reached: %s" % (host, of, task.get("message", "no message")))[:MESSAGE_LIMIT]


def _unknown(ended, error):
    return "ansible_failed", ("ansible-pull ended with %d: %s" % (ended.exit_code, error.sentence()))[:MESSAGE_LIMIT]


def _of_task(task, lines):
    message = task.get("message")
    if message is None:
        # include_role of a role that is nowhere: some versions say it beside the task only.
        missing = [line for line in lines if re.search(ROLE_MISSING, line, re.IGNORECASE)]
        if missing:
            return "role_missing", _joined(missing[:1])
        hidden = "no_log hides why" if task.get("censored") else "it says nothing"
        return "task_failed", "%s: %s" % (place(task), hidden)
    for reason, pattern in OF_TASKS:
        if re.search(pattern, message, re.IGNORECASE):
            return reason, ("%s: %s" % (place(task), message))[:MESSAGE_LIMIT]
    return "task_failed", ("%s: %s" % (place(task), message))[:MESSAGE_LIMIT]


def place(task):
    """The task as a message names it."""
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
