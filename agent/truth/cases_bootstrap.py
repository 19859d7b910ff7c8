"""What is missing on the machine."""

import json
import os
import shutil

from truth.plays import WRITE, site
from truth.registry import case
from truth.servers import closed_port


@case(waits=True)
def requirements_unavailable(machine, servers):
    requirements = "collections:\n  - name: acme.tools\n    version: '1.0.0'\n"
    config = "[galaxy]\nserver = http://127.0.0.1:1/\n"
    machine.commit({**site(WRITE), "requirements.yml": requirements, "ansible.cfg": config})
    machine.config["run"]["requirements"] = "requirements.yml"
    assert machine.run() == 1
    assert not os.path.exists(machine.target)


@case
def ansible_missing(machine, servers):
    for name in os.listdir(machine.root + "/usr/local/bin"):
        if name.startswith("ansible"):
            os.unlink(machine.root + "/usr/local/bin/" + name)
    # The host's own programs, without ansible and without any package manager.
    os.makedirs(machine.root + "/tools")
    for name in ("git", "sh", "python3"):
        os.symlink(shutil.which(name), machine.root + "/tools/" + name)
    machine.config["bootstrap"]["deadline_s"] = 1
    assert machine.agent("bootstrap", NEXUS_PULL_SYSTEM_PATH=machine.root + "/tools") != 0


@case(waits=True)
def vault_down(machine, servers):
    _vault(machine, "http://127.0.0.1:%d" % closed_port(), "role", {})
    machine.secret("wrapped_secret_id", "CANARY-wrapper")
    assert machine.run() == 1


@case
def secret_claimed(machine, servers):
    wrapper = servers.bao.wrapped()
    servers.bao.unwrap(wrapper)
    _vault(machine, servers.bao.address, servers.role_id, {})
    machine.secret("wrapped_secret_id", wrapper)
    assert machine.run() == 1
    assert wrapper not in json.dumps(machine.events())


@case
def extra_vars_secret_invalid(machine, servers):
    servers.bao.call("POST", "secret/data/nexus", {"data": {"vars": "CANARY is a sentence", "token": "CANARY-t"}})
    _vault(machine, servers.bao.address, servers.role_id, {"extra_vars": {"path": "secret/data/nexus", "field": "vars"}})
    machine.secret("wrapped_secret_id", servers.bao.wrapped())
    machine.commit(site(WRITE))
    assert machine.run() == 1
    assert not os.path.exists(machine.target)
    assert not [path for path, content in machine.all_text().items() if b"CANARY" in content]


def _vault(machine, address, role_id, secrets):
    auth = {"method": "approle", "mount": "approle", "role_id": role_id}
    machine.config["vault"] = {"address": address, "auth": auth, "secrets": secrets}
