"""The callback that collects the evidence: the agent ships it, since a repository may not have it, and adds it to what the
repository itself enables."""

import os
import shutil

from nexus_pull import files

NAME = "nexus_pull"
RUN_DIRECTORY = "NEXUS_PULL_RUN_DIR"
EVIDENCE = "evidence.jsonl"
SHIPPED = "plugins/INDEX"
# Callbacks that write results to files or to the system's log.
WRITERS = ("junit", "log_plays", "syslog_json", "tree")
# What ansible searches when nothing is configured; setting the variable would take it away.
SEARCHED = "~/.ansible/plugins/callback:/usr/share/ansible/plugins/callback"


def install(folder):
    """Lay the callback out below `folder`; returns the folder that ansible searches."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in files.shipped(SHIPPED).decode().split():
        path = os.path.join(folder, name)
        files.make_directory(os.path.dirname(path), 0o755)
        with open(path, "wb") as stream:
            stream.write(files.shipped("plugins/" + name))
    return folder + "/callback"


def environment(plugins, run_directory, settings):
    """Variables that add our callback to the repository's own. `settings`: ansible_cfg.Settings."""
    own = settings.paths("callback_plugins") or SEARCHED.split(":")
    names = [name for name in _enabled(settings) if not _writes(name)]
    return {
        # First: a callback of the same name in the repository may be an older one.
        "ANSIBLE_CALLBACK_PLUGINS": ":".join([plugins, *own]),
        "ANSIBLE_CALLBACKS_ENABLED": ",".join(dict.fromkeys([NAME, *names])),
        RUN_DIRECTORY: run_directory,
    }


def withheld(settings):
    """Outputs that the repository configures beside ours and that are not made: no masking would see them."""
    return (["log_path"] if settings.get("log_path") else []) + [name for name in _enabled(settings) if _writes(name)]


def _enabled(settings):
    text = settings.get("callbacks_enabled") or settings.get("callback_whitelist") or ""
    return [name.strip() for name in text.split(",") if name.strip()]


def _writes(name):
    return name.rpartition(".")[2] in WRITERS
