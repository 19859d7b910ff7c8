# SPDX-License-Identifier: Apache-2.0
"""The plain half of the callback nexus_pull: no import of Ansible, standard library only, Python 3.9 or newer."""

from nexus_pull_report import evidence, recorder

__all__ = ["evidence", "recorder"]
