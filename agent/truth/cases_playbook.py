"""Playbooks that cannot run, that do nothing, and that fail."""

import os
import subprocess

from truth.plays import FAIL, WRITE, site
from truth.registry import case
from truth.servers import closed_port


def fails(machine, files, status, before=True):
    """After a success, so that a phase Failed is this commit's."""
    if before:
        machine.commit(site(WRITE))
        assert machine.run() == 0
    machine.commit(files)
    seen = machine.run()
    assert status is None or seen == status, "exit status %d" % seen
    assert seen != 0


@case
def yaml_error(machine, servers):
    fails(machine, {"site.yml": "- hosts: all\n  tasks: [\n"}, 4, before=False)


@case
def missing_playbook(machine, servers):
    machine.config["run"]["playbooks"] = ["site.yml", "other.yml"]
    fails(machine, site(WRITE), None, before=False)
    assert "other.yml" in machine.events()[-1]["data"]["message"]


@case
def missing_static_role(machine, servers):
    fails(machine, site(WRITE, roles="nowhere"), 1, before=False)


@case
def include_missing_role(machine, servers):
    fails(machine, site(WRITE, "    - ansible.builtin.include_role: {name: nowhere}\n"), 2, before=False)


@case
def unknown_module(machine, servers):
    fails(machine, site("    - nosuchmodule: {a: 1}\n"), 4)


@case
def collection_missing(machine, servers):
    fails(machine, site("    - acme.tools.nosuch: {a: 1}\n"), None, before=False)


@case
def failed_task(machine, servers):
    fails(machine, site(WRITE, FAIL), 2)


@case
def failed_task_no_log(machine, servers):
    machine.config["run"]["extra_vars"]["hidden"] = "CANARY-no-log"
    machine.commit(site(FAIL.replace("broken on purpose", "'{{ hidden }}'") + "      no_log: true\n"))
    assert machine.run() == 2
    given = ("/etc/nexus-pull/agent.json", "/var/lib/nexus-pull/work/extra-vars.yml")
    holders = [path for path, content in machine.all_text().items() if b"CANARY" in content and path not in given]
    assert not holders, holders
    assert "no_log" in machine.events()[-1]["data"]["message"]


@case
def unreachable(machine, servers):
    inventory = "localhost ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=%d\n" % closed_port()
    machine.config["run"]["inventory"] = "hosts.ini"
    play = site("    - ansible.builtin.ping:\n")["site.yml"].replace("  tasks:", "  connection: ssh\n  tasks:")
    fails(machine, {"site.yml": play, "hosts.ini": inventory}, 4, before=False)


@case
def no_host_matched(machine, servers):
    fails(machine, site(WRITE, hosts="web"), 1)


@case
def empty_play(machine, servers):
    fails(machine, {"site.yml": "- hosts: localhost\n  gather_facts: false\n"}, 1)


def with_second(machine, text):
    """The first playbook does something; the second is `text`."""
    machine.config["run"]["playbooks"] = ["site.yml", "second/more.yml"]
    return {**site(WRITE), "second/more.yml": text}


@case
def two_playbooks(machine, servers):
    second = site(WRITE.replace("{{ target }}", "{{ target }}-too"))["site.yml"]
    machine.commit(with_second(machine, second))
    assert machine.run() == 0
    assert (machine.read("/made"), machine.read("/made-too")) == ("x", "x")


@case
def second_playbook_no_host(machine, servers):
    fails_by_second(machine, site(WRITE, hosts="web")["site.yml"])


@case
def second_playbook_empty(machine, servers):
    fails_by_second(machine, "- hosts: localhost\n  gather_facts: false\n")


def fails_by_second(machine, text):
    fails(machine, with_second(machine, text), 1, before=False)
    assert machine.read("/made") == "x", "the first playbook did not run"
    message = machine.events()[-1]["data"]["message"]
    assert "second/more.yml" in message and "site.yml" not in message, message


@case
def imported_playbook_no_host(machine, servers):
    imports = "- import_playbook: first.yml\n- import_playbook: second.yml\n"
    parts = {"first.yml": site(WRITE)["site.yml"], "second.yml": site(WRITE, hosts="web")["site.yml"]}
    machine.commit({"site.yml": imports, **parts})
    assert machine.run() == 0


@case
def only_fact_gathering(machine, servers):
    fails(machine, {"site.yml": "- hosts: localhost\n  gather_facts: true\n"}, 1, before=False)


@case
def tags_select_nothing(machine, servers):
    machine.config["run"]["tags"] = ["nowhere"]
    fails(machine, site(WRITE), 1, before=False)


@case
def all_tasks_skipped(machine, servers):
    fails(machine, site(WRITE + "      when: false\n"), 1, before=False)


@case
def callback_import_error(machine, servers):
    config = "[defaults]\ncallbacks_enabled = broken\ncallback_plugins = ./plugins/callback\n"
    files = {"ansible.cfg": config, "plugins/callback/broken.py": "import nowhere_at_all\n"}
    fails(machine, {**site(WRITE), **files}, 250, before=False)


@case
def evidence_removed(machine, servers):
    evidence = machine.root + "/var/lib/nexus-pull/work/evidence.jsonl"
    task = "    - ansible.builtin.file: {path: %s, state: absent}\n" % evidence
    fails(machine, site(WRITE, task), 1)


@case
def vault_password_wrong(machine, servers):
    machine.secret("vault_password", "CANARY wrong password")
    fails(machine, _encrypted(machine), None, before=False)


@case
def vault_password_missing(machine, servers):
    fails(machine, _encrypted(machine), None, before=False)


def _encrypted(machine):
    password = machine.place("/right", "the right password")
    plain = machine.place("/plain.yml", "secret_text: hidden\n")
    argv = [machine.root + "/usr/local/bin/ansible-vault", "encrypt", "--vault-password-file", password, plain]
    subprocess.run(argv, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=True, capture_output=True)
    return {**site(WRITE, vars_files="secret.yml"), "secret.yml": machine.read("/plain.yml")}


TWO_HOSTS = "[all]\nlocalhost ansible_connection=local\nhub-2 ansible_host=192.0.2.7\n"


@case
def delegated_elsewhere(machine, servers):
    """ansible-pull's -c local goes for the delegate, too; what is meant for this VM may be delegated to it."""
    machine.config["run"]["inventory"] = "hosts.ini"
    here = WRITE + "      delegate_to: 127.0.0.1\n"
    machine.commit({**site(here, hosts="localhost"), "hosts.ini": TWO_HOSTS})
    assert machine.run() == 0
    there = WRITE.replace("{{ target }}", "{{ target }}-there") + "      delegate_to: hub-2\n"
    loop = there.replace("hub-2", "'{{ item }}'") + "      loop: [localhost, hub-2]\n"
    for tasks in (there, loop):
        machine.commit(site(tasks, hosts="localhost"))
        assert machine.run() == 1
        assert "was meant for hub-2 and" in machine.events()[-1]["data"]["message"]


@case
def inventory_broken(machine, servers):
    """With the implicit localhost it would run with the wrong variables."""
    machine.config["run"]["inventory"] = "inventory.yml"
    fails(machine, {**site(WRITE, hosts="localhost"), "inventory.yml": "all:\n  hosts: [\n"}, None, before=False)
    assert not os.path.exists(machine.target)


@case
def hostname_not_in_inventory(machine, servers):
    machine.config["run"]["inventory"] = "hosts.ini"
    fails(machine, {**site(WRITE), "hosts.ini": "[web]\nhub-2\n"}, 1, before=False)
    assert os.uname().nodename in machine.events()[-1]["data"]["message"]


@case
def said_beside(machine, servers):
    """Of what did nothing, and of outputs that go round the masking, a line each; with run.strict a failure."""
    machine.secret("git_token", "CANARY-t0ken")
    config = "[defaults]\nlog_path = %s/log-of-its-own\ncallbacks_enabled = tree\n" % machine.root
    prompt = "- hosts: all\n  gather_facts: false\n  vars_prompt: [{name: who}]\n  tasks: []\n- hosts: webservers\n  tasks: []\n"
    say = "    - ansible.builtin.debug: {msg: 'CANARY-t0ken'}\n      tags: [always]\n"
    machine.config["run"]["tags"] = ["typo"]
    machine.commit({"site.yml": site(say)["site.yml"] + prompt, "ansible.cfg": config})
    assert machine.run() == 0
    assert not os.path.exists(machine.root + "/log-of-its-own")
    found = {one["reason"]: one["message"] for one in machine.events()[-1]["data"]["notices"]}
    assert set(found) == {"plays_idle", "tags_unknown", "prompt_unanswered", "output_withheld"}, found
    assert found["plays_idle"] == "1 of 3 plays matched no host: webservers", found
    machine.config["run"]["strict"] = True
    assert machine.run() == 1


@case
def imported_tasks_missing(machine, servers):
    fails(machine, site("    - ansible.builtin.import_tasks: nope.yml\n"), 1, before=False)
    assert "nope.yml" in machine.events()[-1]["data"]["message"]


@case
def stdout_callback_unknown(machine, servers):
    fails(machine, {**site(WRITE), "ansible.cfg": "[defaults]\nstdout_callback = community.general.yaml\n"}, 1, before=False)
