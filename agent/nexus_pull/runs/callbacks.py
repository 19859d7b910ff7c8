"""The callback that collects the evidence: the agent ships it, since a repository may not have it, and adds it to what the
repository itself enables."""

import os
import shutil

from nexus_pull import files

NAME = "nexus_pull"
RUN_DIRECTORY = "NEXUS_PULL_RUN_DIR"
EVIDENCE = "evidence.jsonl"
SHIPPED = "plugins/INDEX"
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
    enabled = settings.get("callbacks_enabled") or settings.get("callback_whitelist") or ""
    names = [name.strip() for name in enabled.split(",") if name.strip()]
    return {
        # First: a callback of the same name in the repository may be an older one.
        "ANSIBLE_CALLBACK_PLUGINS": ":".join([plugins, *own]),
        "ANSIBLE_CALLBACKS_ENABLED": ",".join(dict.fromkeys([NAME, *names])),
        RUN_DIRECTORY: run_directory,
    }
