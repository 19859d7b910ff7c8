"""What is missing on the machine."""

import os

from truth.plays import WRITE, site
from truth.registry import case


@case(waits=True)
def requirements_unavailable(machine, servers):
    requirements = "collections:\n  - name: acme.tools\n    version: '1.0.0'\n"
    config = "[galaxy]\nserver = http://127.0.0.1:1/\n"
    machine.commit({**site(WRITE), "requirements.yml": requirements, "ansible.cfg": config})
    machine.config["run"]["requirements"] = "requirements.yml"
    assert machine.run() == 1
    assert not os.path.exists(machine.target)
