# SPDX-License-Identifier: Apache-2.0
"""Which commit the playbooks are, and whether they are that commit."""

from __future__ import annotations

import re
import subprocess

LIMIT_S = 20
# Compiled by Ansible when it loads plugins: no part of what is applied, whether or not .gitignore names it.
EVERYTHING = (":/", ":(exclude,top,glob)**/__pycache__/**", ":(exclude,top,glob)**/*.retry")


def commit_of(directory):
    """(commit, whether the working tree is exactly that commit); None where git knows none."""
    head = _git(directory, "rev-parse", "--verify", "HEAD")
    if head is None or not re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", head):
        return None
    return head, _git(directory, "status", "--porcelain", "--untracked-files=all", "--", *EVERYTHING) == ""


def _git(directory, *arguments):
    try:
        done = subprocess.run(
            ["git", "-C", directory, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip()
