"""Failures of the Git source, and sources that are refused."""

import contextlib
import os
import subprocess

from truth.plays import WRITE, site
from truth.registry import case
from truth.servers import TOKEN, closed_port


@case(waits=True)
def clone_refused(machine, servers):
    machine.config["source"]["url"] = "https://127.0.0.1:%d/r.git" % closed_port()
    assert machine.run() == 1


@case(waits=True)
def dns(machine, servers):
    machine.config["source"]["url"] = "https://git.nowhere.invalid/r.git"
    assert machine.run() == 1


@case
def git_tls(machine, servers):
    machine.commit(site(WRITE))
    machine.secret("git_token", TOKEN)
    machine.config["source"].update(servers.https_source(machine))
    del machine.config["source"]["ca_certificate"]
    assert machine.run() == 1


@case
def wrong_token(machine, servers):
    machine.commit(site(WRITE))
    machine.secret("git_token", "CANARY-wrong")
    machine.config["source"].update(servers.https_source(machine))
    assert machine.run() == 1
    assert not [path for path, content in machine.all_text().items() if b"CANARY" in content]


@case
def repository_absent(machine, servers):
    machine.secret("git_token", TOKEN)
    machine.config["source"].update(servers.https_source(machine))
    machine.config["source"]["url"] = servers.https.url + "/nowhere/at-all.git"
    assert machine.run() == 1


@case
def wrong_deploy_key(machine, servers):
    machine.commit(site(WRITE))
    machine.config["source"].update(servers.ssh_source(machine))
    with open(servers.ssh_key("stranger")[0], encoding="utf-8") as stream:
        machine.secret("deploy_key", stream.read())
    assert machine.run() == 1


@case
def wrong_host_key(machine, servers):
    machine.commit(site(WRITE))
    machine.config["source"].update(servers.ssh_source(machine))
    other = servers.ssh_key("stranger")[1].split(" ")
    machine.config["source"]["known_hosts"] = ["[127.0.0.1]:%d %s %s" % (servers.ssh_port, other[0], other[1])]
    machine.secret("deploy_key", servers.deploy_key)
    assert machine.run() == 1


@case
def no_host_key(machine, servers):
    machine.commit(site(WRITE))
    machine.config["source"].update(servers.ssh_source(machine))
    machine.config["source"]["known_hosts"] = []
    machine.secret("deploy_key", servers.deploy_key)
    assert machine.run() == 1


@case
def ref_absent(machine, servers):
    machine.commit(site(WRITE))
    machine.config["source"]["ref"] = "nowhere"
    assert machine.run() == 1


@case
def pinned_commit_absent(machine, servers):
    machine.commit(site(WRITE))
    machine.config["source"]["commit"] = "f" * 40
    assert machine.run() == 1


@case
def unsigned_commit(machine, servers):
    _sign_by_ssh(machine, servers, "signer")
    machine.commit(site(WRITE))
    assert machine.run() == 0, "a signed commit runs"
    before = _work(machine)
    machine.repository.git("config", "commit.gpgsign", "false")
    machine.commit(site(WRITE.replace("'x'", "'y'")))
    assert machine.run() == 1
    assert _work(machine) == before, "something was checked out"


@case
def signed_by_stranger(machine, servers):
    _sign_by_ssh(machine, servers, "signer")
    machine.repository.git("config", "user.signingkey", servers.ssh_key("stranger")[0])
    machine.commit(site(WRITE))
    assert machine.run() == 1
    assert not os.path.exists(machine.root + "/var/lib/nexus-pull/work/checkout")


@case
def gpg_unsigned_tag(machine, servers):
    home, keyring, fingerprint = servers.gpg_key()
    machine.config["source"].update(ref="v1", verify={"policy": "gpg", "object": "tag", "keyring": keyring})
    machine.commit(site(WRITE))
    machine.repository.git("config", "user.signingkey", fingerprint)
    os.environ.setdefault("GNUPGHOME", home)
    machine.repository.git("tag", "--sign", "-m", "release", "v1")
    assert machine.run() == 0, "a signed tag runs"
    machine.commit(site(WRITE.replace("'x'", "'y'")))
    machine.repository.git("tag", "v2")
    machine.config["source"]["ref"] = "v2"
    assert machine.run() == 1


@case
def force_push(machine, servers):
    machine.commit(site(WRITE))
    assert machine.run() == 0
    machine.repository.git("checkout", "--quiet", "--orphan", "other")
    machine.commit(site(WRITE), message="another history")
    machine.repository.git("branch", "--force", "main")
    assert machine.run() == 1


@case
def rollback(machine, servers):
    first = machine.commit(site(WRITE))
    machine.commit({"README.md": "2"})
    assert machine.run() == 0
    machine.repository.git("reset", "--quiet", "--hard", first)
    assert machine.run() == 1


@case
def rollback_pinned(machine, servers):
    machine.config["source"].update(servers.ssh_source(machine))
    machine.secret("deploy_key", servers.deploy_key)
    first = machine.commit(site(WRITE))
    machine.commit(site(WRITE.replace("'x'", "'y'")))
    assert machine.run() == 0
    machine.repository.git("reset", "--quiet", "--hard", first)
    machine.config["source"]["commit"] = first
    assert machine.run() == 0
    assert machine.read("/made") == "x"


@case
def world_writable_checkout(machine, servers):
    machine.commit(site(WRITE))
    work = machine.root + "/var/lib/nexus-pull/work"
    os.makedirs(work)
    os.chmod(work, 0o777)
    assert machine.run() == 1
    assert not os.path.exists(machine.target)


@case
def disk_full(machine, servers):
    machine.commit(site(WRITE))
    var = machine.root + "/var/lib/nexus-pull"
    os.makedirs(var)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs", var], capture_output=True, text=True)
    if done.returncode != 0:
        machine.facts["skipped"] = "no right to mount a small tmpfs: %s" % done.stderr.strip()
        return
    machine.mounted.append(var)
    assert machine.run() == 0, "there is room at first"
    _fill(var + "/filler")
    assert machine.run() == 1


@case
def git_missing(machine, servers):
    machine.commit(site(WRITE))
    assert machine.run(NEXUS_PULL_SYSTEM_PATH=machine.root + "/nowhere") == 1


def _fill(path):
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as stream:
        while True:
            stream.write(b"\0" * 4096)


def _sign_by_ssh(machine, servers, name):
    path, public = servers.ssh_key(name)
    allowed = "signer@example.org " + " ".join(public.split(" ")[:2])
    machine.config["source"]["verify"] = {"policy": "ssh", "object": "commit", "allowed_signers": allowed}
    for setting, value in (("gpg.format", "ssh"), ("user.signingkey", path), ("commit.gpgsign", "true")):
        machine.repository.git("config", setting, value)


def _work(machine):
    folder = machine.root + "/var/lib/nexus-pull/work"
    return {path: content for path, content in machine.all_text().items() if path.startswith(folder[len(machine.root) :])}
