# SPDX-License-Identifier: Apache-2.0
"""What a run did, as evidence for the agent or, by hand, as events. Thin: ../nexus_pull_report does the work.

This file and the folder `nexus_pull_report` beside its own folder travel together, here and in the agent.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.release import __version__ as ansible_version

DOCUMENTATION = """
name: nexus_pull
type: notification
short_description: evidence of what a run did, for the agent; without an agent, signed events to a receiver
description:
  - In an agent's run (NEXUS_PULL_RUN_DIR is set) it appends to evidence.jsonl in that directory and sends nothing.
  - By hand, with an address and a key, it sends run.started, run.progress and how the run ended. With neither it does nothing.
  - It never fails a play. What goes wrong in it is a warning.
requirements:
  - enabled by name, callbacks_enabled = nexus_pull
options:
  run_directory:
    description: Directory of the agent's run. The agent sets it; nobody else should.
    type: str
    env:
      - name: NEXUS_PULL_RUN_DIR
  url:
    description: The receiver's address, with or without /webhook.
    type: str
    env:
      - name: NEXUS_PULL_URL
    ini:
      - section: callback_nexus_pull
        key: url
  fleet:
    description: The fleet of the VM that is configured.
    type: str
    env:
      - name: NEXUS_PULL_FLEET
    ini:
      - section: callback_nexus_pull
        key: fleet
  vm:
    description: The VM's name at the receiver.
    type: str
    env:
      - name: NEXUS_PULL_VM
    ini:
      - section: callback_nexus_pull
        key: vm
  key:
    description: The VM's key, 64 hex digits. Taken out of the environment before tasks run.
    type: str
    env:
      - name: NEXUS_PULL_KEY
  key_file:
    description: A file with the VM's key.
    type: str
    env:
      - name: NEXUS_PULL_KEY_FILE
    ini:
      - section: callback_nexus_pull
        key: key_file
  secret:
    description: The operator's secret, which every VM's key is made of. Taken out of the environment before tasks run.
    type: str
    env:
      - name: NEXUS_PULL_SECRET
  instance_id:
    description: The VM's instance id. There is none to know by hand.
    type: str
    default: manual
    env:
      - name: NEXUS_PULL_INSTANCE_ID
  ca_file:
    description: Certificates to trust for the receiver, PEM.
    type: str
    env:
      - name: NEXUS_PULL_CA_FILE
    ini:
      - section: callback_nexus_pull
        key: ca_file
  state_directory:
    description: Where the numbers of the events are kept.
    type: str
    default: ~/.local/state/nexus-pull
    env:
      - name: NEXUS_PULL_STATE_DIR
  agent_config:
    description: The agent's configuration. Where one is for the same VM, nothing is sent by hand.
    type: str
    default: /etc/nexus-pull/agent.json
    env:
      - name: NEXUS_PULL_AGENT_CONFIG
  wait_s:
    description: How long the end of a run waits for the receiver, in seconds.
    type: int
    default: 10
    env:
      - name: NEXUS_PULL_WAIT_S
    ini:
      - section: callback_nexus_pull
        key: wait_s
"""

PACKAGE = "nexus_pull_report"
SECRETS = ("NEXUS_PULL_KEY", "NEXUS_PULL_SECRET")
RUN_DIRECTORY = "NEXUS_PULL_RUN_DIR"
# Of what v2_playbook_on_vars_prompt gets behind the variable's name.
DEFAULT_OF_PROMPT = 6
PATHS = ("key_file", "ca_file", "state_directory", "agent_config")
OPTIONS = ("url", "fleet", "vm", "key", "secret", "instance_id", *PATHS)


class CallbackModule(CallbackBase):
    """Translates Ansible's calls; keeps no state but the recorder's."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "nexus_pull"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Not at import: an import error of a callback ends the whole run, an error in here only disables it.
        self._report = _load_package()
        self._recorder = None
        self._options = {}

    def set_options(self, task_keys=None, var_options=None, direct=None):
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        self._options = {name: str(self.get_option(name) or "") for name in OPTIONS}
        self._options.update({name: os.path.expanduser(self._options[name]) for name in PATHS})
        self._options["wait_s"] = int(self.get_option("wait_s"))
        # Else every module's process would have the secrets, and what a task does with an ansible-playbook of its own would
        # be taken for evidence of this run.
        for name in (*SECRETS, RUN_DIRECTORY):
            os.environ.pop(name, None)
        directory = self.get_option("run_directory")
        if directory:
            self._recorder = self._report.recorder.Recorder(
                self._report.evidence.EvidenceFile(str(directory), self._display.warning)
            )
        elif not self._options["url"] or not any(self._options[name] for name in ("key", "key_file", "secret")):
            self.disabled = True

    def v2_playbook_on_start(self, playbook):
        path = str(playbook._file_name)
        if self._recorder is None and not self._by_hand(path):
            return
        tags = [tag for given in context.CLIARGS.get("tags") or () for tag in str(given).split(",")]
        self._recorder.begin(path, ansible_version, bool(context.CLIARGS.get("check")), tags)

    def v2_playbook_on_vars_prompt(self, varname, *args, **kwargs):
        default = kwargs.get("default", args[DEFAULT_OF_PROMPT] if len(args) > DEFAULT_OF_PROMPT else None)
        if default is None and self._recorder is not None and not sys.stdin.isatty():
            self._recorder.prompt(varname)

    def _by_hand(self, path):
        try:
            by_hand = importlib.import_module(PACKAGE + ".by_hand")
            sink = by_hand.start(self._options, path, context.CLIARGS, self._display.warning)
        except Exception as error:
            self.disabled = True
            self._display.warning("nexus_pull: nothing is sent to the receiver: %s" % error)
            return False
        self._recorder = self._report.recorder.Recorder(sink)
        return True

    def v2_playbook_on_play_start(self, play):
        self._recorder.play(play)

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._recorder.task_start(task)

    def v2_playbook_on_handler_task_start(self, task):
        self._recorder.task_start(task)

    def v2_runner_on_start(self, host, task):
        self._recorder.host_start(host, task)

    def v2_runner_on_ok(self, result):
        self._recorder.result(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._recorder.result(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_skipped(self, result):
        self._recorder.result(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self._recorder.result(result, "unreachable")

    def v2_runner_item_on_ok(self, result):
        self._recorder.item(result)

    def v2_runner_item_on_failed(self, result):
        self._recorder.item(result)

    def v2_on_file_diff(self, result):
        self._recorder.diff(result)

    def v2_playbook_on_stats(self, stats):
        self._recorder.end(stats)


def _load_package():
    """By file, so that sys.path stays as it is and the copy beside this file is the one that runs."""
    if PACKAGE not in sys.modules:
        folder = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), PACKAGE)
        start = os.path.join(folder, "__init__.py")
        spec = importlib.util.spec_from_file_location(PACKAGE, start, submodule_search_locations=[folder])
        module = importlib.util.module_from_spec(spec)
        sys.modules[PACKAGE] = module
        try:
            spec.loader.exec_module(module)
        except Exception:
            del sys.modules[PACKAGE]
            raise
    return sys.modules[PACKAGE]
