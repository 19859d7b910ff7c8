# SPDX-License-Identifier: Apache-2.0
"""What a run did, as evidence for the agent or, by hand, as events. Thin: ../nexus_pull_report does the work.

This file and the folder `nexus_pull_report` beside its own folder travel together, here and in the agent.
"""

from __future__ import annotations

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
  - It never fails a play. What goes wrong in it is a warning.
requirements:
  - enabled by name, callbacks_enabled = nexus_pull
options:
  run_directory:
    description: Directory of the agent's run. The agent sets it; nobody else should.
    type: path
    env:
      - name: NEXUS_PULL_RUN_DIR
"""

PACKAGE = "nexus_pull_report"


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

    def set_options(self, task_keys=None, var_options=None, direct=None):
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        directory = self.get_option("run_directory")
        if directory:
            sink = self._report.evidence.EvidenceFile(str(directory), self._display.warning)
            self._recorder = self._report.recorder.Recorder(sink)
        else:
            self.disabled = True

    def v2_playbook_on_start(self, playbook):
        check_mode = bool(context.CLIARGS.get("check"))
        self._recorder.begin(str(playbook._file_name), ansible_version, check_mode)

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
