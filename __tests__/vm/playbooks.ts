// What the machines are told to do.

const LEAVE_A_MARK = `    - name: Leave a mark
      ansible.builtin.copy:
        content: "{{ greeting }}"
        dest: /srv/configured
        mode: "0644"
`;

/** Also says what it sees of the machine. */
export const PLAYBOOK = `- hosts: all
  tasks:
${LEAVE_A_MARK}    # cloud-init's own advice for a service that needs a finished cloud-init; a run that the target waits for would block it.
    - name: Start a service that waits for cloud-init
      ansible.builtin.shell: |
        printf '[Unit]\\nAfter=cloud-init.target\\n[Service]\\nType=oneshot\\nExecStart=/bin/true\\n' \\
          >/run/systemd/system/after-cloud-init.service
        systemctl daemon-reload && timeout 60 systemctl start after-cloud-init.service
    - name: Call home
      ansible.builtin.uri:
        url: "{{ home }}"
        method: POST
        body_format: json
        body:
          vm: "{{ ansible_hostname }}"
          greeting: "{{ greeting }}"
          system: "{{ ansible_distribution }} {{ ansible_distribution_major_version }}"
          ansible: "{{ ansible_version.full }}"
`;
/** On no branch that a machine follows. */
export const WRONG_PLAYBOOK = "- hosts: all\n  tasks:\n    - ansible.builtin.fail: { msg: the wrong commit }\n";

/** The least that is something, and nothing that takes time. */
export const GOOD = `- hosts: all
  gather_facts: false
  tasks:
${LEAVE_A_MARK}`;

export const FAILING = `${GOOD}
    - name: Accept the licence
      ansible.builtin.fail:
        msg: the licence is not accepted
`;

/** Its second task is still at work when the power goes, with all on disk, and has nothing left to do afterwards. */
export const SLOW = `${GOOD}
    - name: Work for a long time
      ansible.builtin.shell: test -e /srv/at-work || { touch /srv/at-work && sync && touch /run/at-work && sleep 3600; }
      changed_when: false
`;
