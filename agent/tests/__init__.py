"""Tests of the agent as it ships: nexus_pull is imported from a freshly built archive, not from the source folder."""

import atexit
import os
import shutil
import sys
import tempfile

AGENT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, AGENT)

import build  # noqa: E402 - lies beside this package, found by the line above

_FOLDER = tempfile.mkdtemp(prefix="nexus-pull-tests-")
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
PROGRAM = os.path.join(_FOLDER, "nexus-pull-agent")
with open(PROGRAM, "wb") as _stream:
    _stream.write(build.program())
os.chmod(PROGRAM, 0o755)
sys.path.insert(0, PROGRAM)
