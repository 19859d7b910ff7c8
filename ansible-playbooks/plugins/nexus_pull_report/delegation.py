# SPDX-License-Identifier: Apache-2.0
"""Tasks that are delegated to another machine and are done on this one: ansible-pull passes `-c local`, which goes for a
delegate too, as long as its own variables name no connection."""

from __future__ import annotations

import ipaddress
import socket

from nexus_pull_report import observe

LOCAL = ("local", "ansible.builtin.local", "ansible.legacy.local")
HERE = ("localhost", "127.0.0.1", "::1")
# They are done by Ansible itself and connect to nothing.
WITHOUT_CONNECTION = (
    "add_host assert debug fail group_by include_role include_tasks include_vars import_role import_tasks meta pause set_fact set_stats"
).split()


def mistaken(event, task, play):
    """Name of the host that a task was meant for and that it never reached; None when it is where it should be."""
    name = delegate_of(event, task)
    if not name or name == observe.host_of(event) or str(task.action).rpartition(".")[2] in WITHOUT_CONNECTION:
        return None
    if str(task.connection) not in LOCAL or "ansible_connection" in (task.vars or {}) or is_here(name):
        return None
    given = _variables(name, play)
    # Where the inventory itself says how, it is meant.
    return None if given.get("ansible_connection") or is_here(str(given.get("ansible_host") or name)) else name


def delegate_of(event, task):
    """Whom a task is delegated to; empty where nobody, or where only a template says so."""
    given = observe.result_of(event).get("_ansible_delegated_vars") or {}
    name = str(given.get("ansible_delegated_host") or observe.fields_of(event).get("delegate_to") or task.delegate_to or "")
    return "" if "{{" in name else name


def _variables(name, play):
    """The delegate's own, of the inventory; empty for one that is in none."""
    try:
        manager = play.get_variable_manager()
        host = manager._inventory.get_host(name)
        return manager.get_vars(play=play, host=host, include_hostvars=False) if host else {}
    except Exception:
        return {}


def is_here(name):
    """Whether a name or an address is this machine's, without asking anybody."""
    own = socket.gethostname()
    if name.lower() in (*HERE, own.lower(), own.partition(".")[0].lower(), socket.getfqdn().lower()):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    if address.is_loopback:
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((name, 0))
        except OSError:
            return False
    return True
