"""Small playbooks: no fact gathering, which costs half a second each."""

HEAD = "- hosts: %s\n  gather_facts: false\n  tasks:\n"
WRITE = """    - name: write the file
      ansible.builtin.copy:
        dest: "{{ target }}"
        content: "{{ text | default('x') }}"
        mode: "0600"
"""
FAIL = """    - name: a task that fails
      ansible.builtin.fail:
        msg: broken on purpose
"""


def site(*tasks, hosts="all", vars_files=None, roles=None):
    text = HEAD % hosts
    if vars_files:
        text = text.replace("  tasks:\n", "  vars_files: [%s]\n  tasks:\n" % vars_files)
    if roles:
        text = text.replace("  tasks:\n", "  roles: [%s]\n  tasks:\n" % roles)
    return {"site.yml": text + "".join(tasks)}


def wait_for_go(root):
    """A task that says it has begun, and ends well when the file `go` is there."""
    script = "echo $$ > %s/started; while [ ! -e %s/go ]; do sleep 0.1; done" % (root, root)
    return """    - name: a task that waits
      ansible.builtin.command:
        argv: [sh, -c, '%s']
""" % script


def wait_until_ended(root):
    """A task that says it has begun, and then takes longer than any test."""
    return """    - name: a task that takes long
      ansible.builtin.command:
        argv: [sh, -c, 'echo $$ > %s/started; exec sleep 300']
""" % root
