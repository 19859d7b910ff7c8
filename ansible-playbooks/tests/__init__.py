"""Tests of the Ansible repository, with real ansible-core.

    tools/ansible-cores.sh
    "$(ansible-playbooks/tests/venv.sh)"/bin/python -m unittest discover -s ansible-playbooks/tests -t ansible-playbooks

Both set up what they need in a cache outside the clone.
"""
