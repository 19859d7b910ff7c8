"""Runs that end well, and those that do not take place."""

import os
import pwd

from tests.support import Repository
from truth.plays import FAIL, WRITE, site, wait_for_go
from truth.registry import case

HOSTILE = "quote\" 'single' $(touch x) `y` \\n \\ line\nnext\t${z} {{ 1 + 1 }} {% raw %} %{w} # : é\U0001f511 \u2028 --- *a &b !c"


@case
def clean_run(machine, servers):
    machine.config["source"].update(servers.https_source(machine))
    machine.secret("git_token", "CANARY-t0ken/with+odd=characters")
    machine.commit(site(WRITE))
    assert machine.run() == 0
    assert machine.read("/made") == "x"
    holders = [path for path, content in machine.all_text().items() if b"CANARY-t0ken" in content]
    assert not holders, "the token is in %s" % holders


@case
def second_run_unchanged(machine, servers):
    machine.commit(site(WRITE))
    assert machine.run() == 0
    machine.commit({"README.md": "nothing that matters"})
    assert machine.timer() == 0


@case
def corrective_run(machine, servers):
    machine.commit(site(WRITE))
    assert machine.run() == 0
    machine.place("/made", "somebody was here", 0o600)
    assert machine.run() == 0
    assert machine.read("/made") == "x"


@case
def up_to_date(machine, servers):
    machine.commit(site(WRITE))
    assert machine.run() == 0
    machine.place("/made", "somebody was here", 0o600)
    assert machine.timer() == 0
    assert machine.read("/made") == "somebody was here"


@case
def reapplied(machine, servers):
    """As cron does it: by the timer, with nothing new."""
    machine.config["schedule"]["reapply_s"] = 0
    machine.commit(site(WRITE))
    assert machine.run() == 0
    machine.place("/made", "somebody was here", 0o600)
    assert machine.timer() == 0
    assert machine.read("/made") == "x"


@case
def ignored_task(machine, servers):
    machine.commit(site(WRITE, FAIL + "      ignore_errors: true\n"))
    assert machine.run() == 0


@case
def rescued_task(machine, servers):
    block = "    - block:\n        - ansible.builtin.fail: {msg: broken}\n      rescue:\n        - ansible.builtin.debug: {msg: mended}\n"
    machine.commit(site(WRITE, block))
    assert machine.run() == 0


@case
def repository_without_callback(machine, servers):
    machine.commit(site(WRITE))
    assert machine.run() == 0


@case
def callback_disabled_by_repository(machine, servers):
    own = """
import os
import pwd
from ansible.plugins.callback import CallbackBase
class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "own"
    CALLBACK_NEEDS_ENABLED = True
    def v2_playbook_on_stats(self, stats):
        open(%r, "w").close()
"""
    config = "[defaults]\ncallbacks_enabled = own\ncallback_plugins = ./plugins/callback\n"
    files = {"ansible.cfg": config, "plugins/callback/own.py": own % (machine.root + "/own-was-here")}
    machine.commit({**site(WRITE), **files})
    assert machine.run() == 0
    assert machine.read("/own-was-here") == ""


# Not null, as "!unsafe" makes of it since 2.19.
EMPTY = """    - name: an empty text is one
      ansible.builtin.assert:
        that: ['[empty, within[0].empty] == ["", ""]']
"""


@case
def hostile_extra_vars(machine, servers):
    machine.config["run"]["extra_vars"].update(text=HOSTILE, empty="", within=[{"empty": ""}])
    machine.commit(site(WRITE, EMPTY))
    assert machine.run() == 0
    assert machine.read("/made") == HOSTILE, machine.read("/made")


@case
def locale_c(machine, servers):
    machine.commit(site(WRITE))
    assert machine.run(LC_ALL="C", LANG="C") == 0


@case
def two_at_once(machine, servers):
    machine.commit(site(wait_for_go(machine.root)))
    first = machine.start("/started")
    assert machine.run() == 75
    machine.facts["last"] = machine.events()[-1]["id"]
    machine.place("/go", "")
    assert machine.ended(first) == 0


@case
def commit_unchanged_after_failure(machine, servers):
    machine.commit(site(FAIL))
    assert machine.timer() == 2
    assert machine.timer() == 2


@case(waits=True)
def only_if_changed_trap(machine, servers):
    machine.commit(site(FAIL))
    moved = machine.repository.folder + ".away"
    os.rename(machine.repository.folder, moved)
    assert machine.timer() == 1
    os.rename(moved, machine.repository.folder)
    assert machine.timer() == 2


@case
def audit_drift(machine, servers):
    machine.commit(site(WRITE))
    assert machine.run() == 0
    machine.place("/made", "somebody was here", 0o600)
    machine.config["run"]["mode"] = "audit"
    assert machine.run() == 3
    assert machine.read("/made") == "somebody was here"


@case
def audit_clean(machine, servers):
    machine.commit(site(WRITE))
    assert machine.run() == 0
    machine.config["run"]["mode"] = "audit"
    assert machine.timer() == 0


@case
def audit_of_commands(machine, servers):
    """What check mode skips is there, and has not drifted."""
    machine.config["run"]["mode"] = "audit"
    machine.commit(site("    - ansible.builtin.command: 'true'\n    - ansible.builtin.shell: 'true'\n"))
    assert machine.run() == 0


@case
def requirements_vendored(machine, servers):
    requirements = "collections:\n  - name: acme.tools\n    version: '>=1.0.0'\n"
    module = "from ansible.module_utils.basic import AnsibleModule\nAnsibleModule({}).exit_json(changed=False)\n"
    inside = "collections/ansible_collections/acme/tools/"
    files = {
        "requirements.yml": requirements,
        "ansible.cfg": "[galaxy]\nserver = http://127.0.0.1:1/\n",
        inside + "galaxy.yml": "namespace: acme\nname: tools\nversion: 1.2.0\nreadme: README.md\nauthors: [a]\n",
        inside + "plugins/modules/mine.py": "#!/usr/bin/python\n" + module,
    }
    machine.commit({**site(WRITE, "    - acme.tools.mine:\n"), **files})
    machine.config["run"]["requirements"] = "requirements.yml"
    assert machine.run() == 0


@case
def async_tasks(machine, servers):
    """By HOME it is written and by the account it is looked up: with two homes none is found again."""
    job = "    - name: one in the background\n      ansible.builtin.command: 'true'\n      async: 30\n      poll: %d\n"
    later = """      register: job
    - name: how it ended
      ansible.builtin.async_status: {jid: "{{ job.ansible_job_id }}"}
      register: ended
      until: ended is finished
      retries: 50
      delay: 0
"""
    own = """    - name: the environment is the account's own
      ansible.builtin.command:
        argv: [sh, -c, 'echo "$HOME $USER ${TMPDIR-none} $(env | grep -c ^GIT_)"']
      register: seen
    - ansible.builtin.copy: {dest: "{{ target }}", content: "{{ lookup('env', 'HOME') }} {{ seen.stdout }}", mode: "0600"}
"""
    machine.commit(site(job % 1, job % 0 + later, own))
    assert machine.run() == 0
    account = pwd.getpwuid(os.geteuid())
    assert machine.read("/made").split() == [account.pw_dir, account.pw_dir, account.pw_name, "none", "0"], machine.read("/made")


@case
def become_another_user(machine, servers):
    """What is handed on to another user must be usable by it."""
    task = """    - name: as another user
      ansible.builtin.raw: mktemp
      become: true
      become_method: su
      become_user: nobody
      become_flags: "-s /bin/sh"
"""
    machine.commit(site(task))
    assert machine.run() == 0


@case
def requirements_from_git(machine, servers):
    """A role and a collection from git, in another version, and from a branch that moves on; Galaxy is never there."""
    role = Repository(machine.root + "/srv/greeting")
    say = "- ansible.builtin.copy: {dest: '{{ target }}', content: '%s', mode: '0600'}\n"
    for version in ("v1", "v2"):
        role.commit({"tasks/main.yml": say % version, "meta/main.yml": "galaxy_info: {}\ndependencies: []\n"})
        role.git("tag", version)
    tools = Repository(machine.root + "/srv/tools")
    about = "namespace: acme\nname: tools\nversion: 1.0.0\nreadme: README.md\nauthors: [a]\n"
    module = "from ansible.module_utils.basic import AnsibleModule\nAnsibleModule({}).exit_json(changed=False)\n"
    tools.commit({"galaxy.yml": about, "README.md": "x", "plugins/modules/mine.py": "#!/usr/bin/python\n" + module})
    tools.git("tag", "release-5")
    asked = "roles:\n  - {src: 'git+%s', name: greeting, version: %s}\ncollections:\n  - {name: 'git+%s', version: %s}\n"
    machine.config["run"]["requirements"] = "requirements.yml"
    play = site("    - acme.tools.mine:\n", roles="greeting")
    files = {"ansible.cfg": "[galaxy]\nserver = http://127.0.0.1:1/\n", **play}
    for version, of_tools, seen in (("v1", "release-5", "v1"), ("v2", "main", "v2"), ("main", "main", "v2")):
        machine.commit({**files, "requirements.yml": asked % (role.url, version, tools.url, of_tools)})
        assert machine.run() == 0
        assert machine.read("/made") == seen, machine.read("/made")
    role.commit({"tasks/main.yml": say % "newest"})
    assert machine.run() == 0
    assert machine.read("/made") == "newest"
