# SPDX-License-Identifier: Apache-2.0
"""What Ansible's objects say, by their shape alone, from ansible-core 2.14 to 2.22.

Callbacks get `.result/.task/.host` since 2.19; the names with an underscore, which go in 2.23, are the ones before.
"""

from __future__ import annotations

import os

GATHERING = ("gather_facts", "ansible.builtin.gather_facts", "ansible.legacy.gather_facts")
INCLUDES = ("include_role", "include_tasks", "import_role", "import_tasks", "include")
OUTPUTS = ("stderr", "module_stderr", "stdout", "module_stdout")


def result_of(event):
    """The result's dictionary."""
    return _either(event, "result")


def task_of(event):
    return _either(event, "task")


def fields_of(event):
    """The task's own settings as they were when it ran: of a loop, each item's."""
    return getattr(event, "task_fields", None) or getattr(event, "_task_fields", None) or {}


def host_of(event):
    return str(_either(event, "host"))


def task_id(task):
    return str(task._uuid)


def matched_hosts(play):
    """Names of the hosts that the play matched, all batches of a serial one; empty when the inventory does not say."""
    inventory = getattr(play.get_variable_manager(), "_inventory", None)
    return {str(host) for host in inventory.get_hosts(play.hosts, ignore_restrictions=True)} if inventory else set()


def pattern_of(play):
    hosts = play.hosts
    return hosts if isinstance(hosts, str) else ",".join(str(one) for one in hosts)


def role_of(task):
    role = getattr(task, "_role", None)
    return str(role.get_name()) if role else ""


def name_of(event, role):
    """The task's name with its variables replaced, without the role's in front."""
    name = str(event.task_name)
    prefix = role + " : "
    return name[len(prefix) :] if role and name.startswith(prefix) else name


def path_of(task):
    """file:line, below the working directory where it is."""
    path = str(task.get_path() or "")
    here = os.getcwd() + os.sep
    return path[len(here) :] if path.startswith(here) else path


def is_implicit(task):
    """Facts that a play gathers without a task of its own: made by Ansible, so that no line of YAML is behind it."""
    return task.action in GATHERING and getattr(task, "_ds", None) is None


def is_include(task):
    """An include does nothing itself: what it includes are tasks of their own."""
    return str(task.action).rpartition(".")[2] in INCLUDES


def is_censored(event):
    """no_log, on the task or on one of its items."""
    result = result_of(event)
    if task_of(event).no_log or "censored" in result or result.get("_ansible_no_log"):
        return True
    return any("censored" in item or item.get("_ansible_no_log") for item in items_of(result))


def items_of(result):
    items = result.get("results")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def is_rescued(task):
    """Whether a failure goes to a rescue: the task, or a block around it, is in the `block` part of one that has it."""
    node = task
    while node is not None:
        parent = getattr(node, "_parent", None)
        if getattr(parent, "rescue", None) and any(child._uuid == node._uuid for child in parent.block):
            return True
        node = parent
    return False


def skipped_by_check_mode(result):
    """Not because of a condition: what cannot be tried without doing it."""
    said = str(result.get("msg") or "")
    return "check mode" in said or "check_mode" in said


def endings_of(play):
    """Of the play's own tasks those that may end it early, e.g. end_host."""
    found = []

    def look(block):
        for one in (*block.block, *block.rescue, *block.always):
            if hasattr(one, "rescue"):
                look(one)
            elif str(one.action).rpartition(".")[2] == "meta":
                found.append(str(one.args.get("_raw_params") or one.args.get("action") or ""))

    for block in (*play.pre_tasks, *play.tasks, *play.post_tasks):
        look(block)
    return [name for name in dict.fromkeys(found) if name.startswith("end_")]


def waits_for_a_person(task):
    """`pause` without a time."""
    timed = any(name in task.args for name in ("seconds", "minutes"))
    return str(task.action).rpartition(".")[2] == "pause" and not timed


def message_of(result):
    """What went wrong, in words: Ansible's, then the program's own."""
    items = [item for item in items_of(result) if _went_wrong(item)]
    failed = items[0] if items else result
    said = str(failed.get("msg") or failed.get("reason") or "")
    output = next((str(failed[name]) for name in OUTPUTS if failed.get(name)), "")
    return said if output in said else "\n".join(part for part in (said, output) if part)


def _went_wrong(item):
    """Since 2.22 the items of a result that callbacks get are no longer marked as failed."""
    return item.get("failed") or item.get("unreachable") or item.get("exception")


def _either(event, name):
    return getattr(event, name) if hasattr(event, name) else getattr(event, "_" + name)
