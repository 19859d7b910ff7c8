"""Tests of the Ansible repository, with real ansible-core.

    python3 -m unittest discover -s ansible-playbooks/tests -t ansible-playbooks

tests/venv.sh and agent/tests/venv.sh set up what they need, in a cache outside the clone.
"""
