#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Brings the settings of a running Nexus to what is wanted, and says what it changed and what Nexus refused."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.nexus_compare import secrets_of
from ansible.module_utils.nexus_rest import Nexus
from ansible.module_utils.nexus_wishes import problems, wishes

DOCUMENTATION = """
module: nexus_settings
short_description: Settings of Sonatype Nexus Repository by its REST API
description:
  - Reads everything, writes what differs, reads that again. Only what is named is compared; what is not named stays.
  - Never fails by itself, so that a task with no_log can be followed by one that says why - see RETURN, C(refusals).
options:
  api: { description: Address up to and with /service/rest/v1., type: str, required: true }
  username: { description: Who asks., type: str, default: admin }
  password: { description: Password of that user., type: str, required: true }
  wanted: { description: The settings by kind; see the role's argument_specs., type: dict, required: true }
author: the nexus-vm-pull project
"""
EXAMPLES = """
- nexus_settings:
    api: http://127.0.0.1:8081/service/rest/v1
    password: "{{ nexus_admin_password }}"
    wanted: { anonymous: false }
  no_log: true
"""
RETURN = """
changes: { description: What was, or would be, changed - a text each, without values., returned: always, type: list }
refusals: { description: What could not be, and why - a text each, without secrets., returned: always, type: list }
"""


class Settle:
    def __init__(self, nexus, wanted, check, password):
        self.nexus, self.wanted, self.check = nexus, wanted, check
        self.changes, self.refusals = [], []
        self._hidden = [password] + secrets_of(wanted)

    def all(self):
        self.refusals += problems(self.wanted)
        if self.refusals:
            return
        asked = wishes(self.wanted)
        actual = [self._read(wish) for wish in asked]
        # Half of an answer decides nothing.
        if self.refusals:
            return
        written = [wish for wish, there in zip(asked, actual) if self._settle(wish, there)]
        if not self.check:
            for wish in written:
                self._verify(wish)

    def _read(self, wish):
        answer = self.nexus.call("GET", wish.read)
        if answer.status == 200 and (answer.value is not None or wish.text):
            return wish.found(answer.value)
        if answer.status in (204, 404, 405):
            return None
        self._refuse(wish, "could not be read", answer)
        return None

    def _settle(self, wish, actual):
        """Whether it was written."""
        if wish.absent:
            return actual is not None and self._do(wish, "removed", "DELETE", wish.remove)
        if actual is None:
            if wish.optional:
                return False
            if wish.create:
                return self._do(wish, "created", "POST", wish.create, wish.new, wish.text)
            return self._do(wish, "changed", wish.method, wish.update, wish.settings)
        fields = wish.differs(actual)
        done = False
        if fields:
            done = self._change(wish, actual, fields)
        if wish.password and actual.get("status", "active") == "active":
            if not self.nexus.takes(wish.settings["userId"], wish.password):
                path = wish.update + "/change-password"
                done = self._do(wish, "changed the password of", "PUT", path, text=wish.password) or done
        return done

    def _change(self, wish, actual, fields):
        named = ", ".join(field for field in fields if field) or "its value"
        unnamed = wish.unnamed_secrets(actual)
        if unnamed:
            self.refusals.append(
                "%s: differs in %s, and writing it needs %s, which Nexus does not give back. Name it beside the others "
                "(or null for the object that has it, to remove that)" % (wish.label, named, " and ".join(unnamed))
            )
            return False
        return self._do(wish, "changed", wish.method, wish.update, wish.body(actual), more=": " + named)

    def _do(self, wish, verb, method, path, body=None, text=None, more=""):
        if not self.check:
            answer = self.nexus.call(method, path, body, text)
            if answer.status not in (200, 201, 202, 204):
                self._refuse(wish, "could not be %s" % verb if verb[-1] == "d" else "could not be changed", answer)
                return False
        self.changes.append("%s %s%s" % (verb, wish.label, more))
        return True

    def _verify(self, wish):
        """What Nexus took and left out would differ at each run."""
        answer = self.nexus.call("GET", wish.read)
        actual = wish.found(answer.value) if answer.status == 200 else None
        if wish.absent:
            fields = [] if actual is None else ["it is still there"]
        else:
            fields = ["it is not there"] if actual is None else wish.differs(actual)
        if fields:
            words = ", ".join(field or "its value" for field in fields)
            self.refusals.append(
                "%s: Nexus took it, and did not keep all of it (%s). What it names may not exist yet, or this release may "
                "not have it" % (wish.label, words)
            )

    def _refuse(self, wish, what, answer):
        if answer.status in (404, 405) and answer.value is None and what != "could not be read":
            why = "%s has no such setting in its REST API: leave it out, or take a release that has it" % (
                answer.server or "this release"
            )
        else:
            why = "%s %s" % (answer.status or "no answer", answer.says())
        self.refusals.append("%s %s: %s" % (wish.label, what, self._without_secrets(why)))

    def _without_secrets(self, text):
        for secret in sorted(self._hidden, key=len, reverse=True):
            text = text.replace(secret, "***") if len(secret) > 2 else text
        return text


def main():
    module = AnsibleModule(
        argument_spec={
            "api": {"type": "str", "required": True},
            "username": {"type": "str", "default": "admin"},
            "password": {"type": "str", "required": True, "no_log": True},
            "wanted": {"type": "dict", "required": True, "no_log": False},
        },
        supports_check_mode=True,
    )
    asked = module.params
    settle = Settle(
        Nexus(asked["api"], asked["username"], asked["password"]), asked["wanted"], module.check_mode, asked["password"]
    )
    settle.all()
    module.exit_json(changed=bool(settle.changes), changes=settle.changes, refusals=settle.refusals)


if __name__ == "__main__":
    main()
