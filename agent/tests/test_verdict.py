"""What a run came to: the judgement alone, with words as real programs say them. The truth table has the rest."""

import json
import unittest

from nexus_pull.runs import evidence, judge, no_log, notices, versions
from nexus_pull.source import failures as git_failures
from tests.support import MachineTest

RUN = {"playbooks": ["site.yml"], "mode": "apply", "tags": [], "skip_tags": [], "timeout_s": 60}
A, B, DIGEST = "a" * 40, "b" * 40, "d" * 64
STATS = {"ok": 1, "changed": 1, "failed": 0, "unreachable": 0, "skipped": 0, "rescued": 0, "ignored": 0, "tasks_run": 1}
GOOD = (
    {"record": "begin", "t": 0, "version": 1, "playbook": "site.yml", "ansible_version": "2.19.0", "check_mode": False},
    {"record": "play", "t": 0, "play": "all", "hosts": 1},
    {"record": "task", "t": 1, "host": "localhost", "task": "write", "status": "changed"},
    {"record": "stats", "t": 1, "host": "localhost", **STATS},
    {"record": "end", "t": 1, "plays": 1, "hosts_matched": 1, "tasks_run": 1},
)

COMMAND = "/usr/bin/ansible-pull --url /m --extra-vars @/w/extra-vars.yml --inventory /w/inventory site.yml"


def playbook(pattern, hosts, skipped=0):
    """What a playbook that did nothing leaves."""
    stats = {"record": "stats", "t": 1, "host": "localhost", **dict.fromkeys(STATS, 0), "skipped": skipped}
    end = {"record": "end", "t": 1, "plays": 1, "hosts_matched": hosts, "tasks_run": 0}
    return (GOOD[0], {**GOOD[1], "pattern": pattern, "hosts": hosts}, *([stats] if hosts else []), end)


def verdict(records=GOOD, code=0, lines=(), run=RUN, applied=A, success=None):
    found = evidence.Evidence(records, there=True)
    return judge.judge(judge.Ended(code, False, list(lines)), found, run, (A, applied, DIGEST), success)


class FourConditions(unittest.TestCase):
    def failed(self, reason, conditions, **given):
        seen = verdict(**given)
        self.assertEqual((seen.outcome, seen.reason, seen.failed_conditions), ("failed", reason, conditions), seen.message)

    def test_all_four_make_a_success(self):
        self.assertEqual(verdict().outcome, "changed-intentional")

    def test_fails_without_the_end_of_the_evidence(self):
        self.failed("evidence_missing", ["hosts_matched", "tasks_run"], records=GOOD[:-1])
        self.failed("evidence_missing", ["hosts_matched", "tasks_run"], records=())

    def test_fails_when_a_playbook_was_not_seen_to_begin(self):
        self.failed("evidence_missing", ["hosts_matched", "tasks_run"], records=GOOD[1:])
        self.assertIn("site.yml has no beginning", verdict(records=GOOD[1:]).message)

    def test_fails_when_one_of_two_playbooks_left_no_evidence(self):
        two = {**RUN, "playbooks": ["site.yml", "more.yml"]}
        self.failed("evidence_missing", ["hosts_matched", "tasks_run"], run=two)
        self.assertIn("more.yml has no beginning", verdict(run=two).message)
        self.assertIn("more.yml has no end", verdict(records=GOOD + GOOD[:-1], run=two).message)
        self.assertEqual(verdict(records=GOOD + GOOD, run=two).outcome, "changed-intentional")

    def test_fails_when_one_of_several_playbooks_did_nothing(self):
        run = {**RUN, "playbooks": ["a.yml", "b.yml", "c.yml"]}
        both = ["hosts_matched", "tasks_run"]
        for name, idle, reason, conditions, said in (
            ("hosts", playbook("web", 0), "no_hosts_matched", both, "no host of the inventory matched: web"),
            ("tasks", playbook("all", 1, skipped=2), "no_tasks_run", both[1:], "a host matched and no task ran (2 were skipped)"),
        ):
            for place, wanted in enumerate(run["playbooks"]):
                with self.subTest(without=name, place=place):
                    three = [GOOD, GOOD, GOOD]
                    three[place] = idle
                    records = [record for one in three for record in one]
                    self.failed(reason, conditions, records=records, run=run)
                    self.assertEqual(verdict(records=records, run=run).message, "%s: %s" % (wanted, said))
        records = (*playbook("all", 1), *playbook("web", 0), *playbook("db", 0))
        said = "b.yml: no host of the inventory matched: web; c.yml: no host of the inventory matched: db"
        self.assertEqual(verdict(records=records, run=run).message, said)

    def test_a_file_that_was_cut_at_its_size_still_says_what_each_playbook_did(self):
        """Behind the record truncated there are only stats and ends (contract/evidence.schema.json)."""
        two = {**RUN, "playbooks": ["a.yml", "b.yml"]}
        begin, truncated = GOOD[0], {"record": "truncated", "t": 1}
        cut = (*GOOD[:2], truncated, *GOOD[3:])
        for second, reason in (((begin, *GOOD[3:]), None), (playbook("web", 0), "no_hosts_matched")):
            self.assertEqual(verdict(records=(*cut, *second), run=two).reason, reason)

    def test_fails_when_another_commit_was_checked_out(self):
        self.failed("commit_mismatch", ["commit"], applied=B)
        self.failed("commit_mismatch", ["commit"], applied=None)

    def test_fails_when_no_host_matched_or_no_task_ran(self):
        none = {"record": "end", "t": 1, "plays": 1, "hosts_matched": 0, "tasks_run": 0}
        self.failed("no_hosts_matched", ["hosts_matched", "tasks_run"], records=(GOOD[0], none))
        self.failed("no_tasks_run", ["tasks_run"], records=(GOOD[0], GOOD[1], {**none, "hosts_matched": 1}))

    def test_the_outcome_knows_the_last_success(self):
        same = {"commit": A, "config_digest": DIGEST}
        self.assertEqual(verdict(success=same).outcome, "changed-corrective")
        self.assertEqual(verdict(success={**same, "config_digest": "e" * 64}).outcome, "changed-intentional")
        self.assertEqual(verdict(success={**same, "commit": B}).outcome, "changed-intentional")
        self.assertEqual(verdict(run={**RUN, "mode": "audit"}).outcome, "drift")


class Reasons(unittest.TestCase):
    def test_words_of_ansible(self):
        for reason, code, line in (
            ("locale_unusable", 1, "ERROR: Ansible requires the locale encoding to be UTF-8; Detected ISO8859-1."),
            ("inventory_invalid", 1, "[WARNING]: Unable to parse /x/hosts.ini as an inventory source"),
            ("ansible_failed", 1, "something that nobody has seen before"),
            ("disk_full", 2, "fatal: cannot create directory at 'roles': No space left on device"),
            ("file_system_read_only", 2, "error: could not lock config file: Read-only file system"),
        ):
            seen = verdict(records=(), code=code, lines=["Starting Ansible Pull at x", COMMAND, line])
            self.assertEqual((seen.reason, seen.exit_code), (reason, code))
            self.assertIn(line.split(":")[-1].strip(), seen.message)

    def test_a_playbook_that_is_missing_is_named(self):
        ended = judge.Ended(5, False, ["ERROR! Could not find a playbook to run."], ["a.yml", "b.yml"])
        seen = judge.judge(ended, evidence.Evidence((), there=False), RUN, (A, A, DIGEST), None)
        said = "a.yml, b.yml: ERROR! Could not find a playbook to run."
        self.assertEqual((seen.reason, seen.message), ("playbook_missing", said))

    def test_a_tasks_own_output_chooses_no_reason(self):
        failed = {"record": "task", "t": 1, "host": "localhost", "task": "x", "status": "failed", "message": "oops"}
        said = "fatal: [localhost]: FAILED! => the role 'x' was not found, couldn't resolve module/action 'y'"
        self.assertEqual(verdict(records=(GOOD[0], failed), code=2, lines=[said]).reason, "task_failed")

    def test_a_warning_of_the_checkout_hides_no_error(self):
        lines = ["[WARNING]: Unable to parse /x/hosts.ini as an inventory source", "ERROR! Syntax Error while loading YAML."]
        self.assertEqual(verdict(records=(), code=4, lines=lines).reason, "playbook_invalid")

    def test_a_checkout_that_found_no_room(self):
        lines = ["localhost | FAILED! => {", '    "msg": "error: unable to write file: No space left on device"', "}"]
        self.assertEqual(verdict(records=(), code=2, lines=lines).reason, "disk_full")

    def test_a_child_that_was_killed_is_not_an_exit_code(self):
        for code, number, name in ((-9, 137, "SIGKILL"), (247, 137, "SIGKILL"), (-15, 143, "SIGTERM")):
            seen = verdict(code=code)
            self.assertEqual((seen.reason, seen.exit_code, seen.signal), ("ansible_killed", number, name))

    def test_words_of_git(self):
        for reason, line in (
            ("git_failed", "fatal: something that nobody has seen before"),
            ("git_auth_failed", "remote: HTTP Basic: Access denied"),
            ("git_unreachable", "fatal: unable to access 'https://x/': The requested URL returned error: 503"),
            ("git_unreachable", "fatal: unable to access 'https://x/': Empty reply from server"),
            ("repository_not_found", "ERROR: Repository not found."),
            ("proxy_failure", "fatal: unable to access 'https://x/': Received HTTP code 407 from proxy after CONNECT"),
            ("disk_full", "fatal: write error: No space left on device"),
        ):
            self.assertEqual(git_failures.cause([line, ""], 128)[0], reason)

    def test_a_date_that_is_off_is_the_clocks_where_the_clock_is_off(self):
        line = "fatal: unable to access 'https://x/': SSL certificate problem: certificate is not yet valid"
        self.assertEqual(git_failures.cause([line], 128, clock_synced=False)[0], "clock_not_synced")
        self.assertEqual(git_failures.cause([line], 128, clock_synced=True)[0], "tls_failure")


class Marked(unittest.TestCase):
    """The cause is what follows the last error that ansible marks, whatever else is printed around it."""

    PROFILE = ["[WARNING]: Skipping callback plugin 'profile_tasks', unable to load", "Loading callback plugin minimal of type stdout"]
    YAML = ("ERROR! Syntax Error while loading YAML.", "  did not find expected node content", "")
    YAML += ("The error appears to be in '/w/checkout/site.yml': line 3, column 1, but may", "be elsewhere in the file.", "")
    YAML += ("The offending line appears to be:", "", "- hosts: localhost", "  tasks: [", "^ here")
    NEW = ("[ERROR]: Invalid play strategy specified: mitogen_linear", "Origin: /w/checkout/site.yml:1:3", "")
    NEW += ("1 - hosts: localhost", "    ^ column 3", "")

    def failed(self, lines, code=1, **more):
        ended = judge.Ended(code, False, [COMMAND, *self.PROFILE, *lines], checkout="/w/checkout", **more)
        seen = judge.judge(ended, evidence.Evidence((), there=False), RUN, (A, A, DIGEST), None)
        return seen.reason, seen.message

    def test_a_warning_about_a_callback_is_no_cause(self):
        said = "ERROR! Syntax Error while loading YAML. did not find expected node content (site.yml:3)"
        self.assertEqual(self.failed(self.YAML, 4), ("playbook_invalid", said))

    def test_an_error_that_nobody_knows_is_told_without_the_source_that_it_shows(self):
        said = "ansible-pull ended with 1: %s Invalid play strategy specified: mitogen_linear (site.yml:%d)"
        self.assertEqual(self.failed(self.NEW), ("ansible_failed", said % ("[ERROR]:", 1)))
        old = ("ERROR! Invalid play strategy specified: mitogen_linear", "", *self.YAML[3:])
        self.assertEqual(self.failed(old), ("ansible_failed", said % ("ERROR!", 3)))

    def test_reasons_of_their_own(self):
        for reason, line, within in (
            ("no_hosts_matched", "ERROR! Specified inventory, host pattern and/or --limit leaves us with no hosts to target.", "vm-7"),
            ("callback_unknown", "ERROR! Invalid callback for stdout specified: community.general.yaml", "community.general.yaml"),
            ("callback_unknown", "[ERROR]: Could not load 'community.general.yaml' callback plugin.", "community.general.yaml"),
            ("file_missing", "[ERROR]: Unable to retrieve file contents. Could not find or access '/w/nope.yml'", "nope.yml"),
            ("vault_password_missing", "ERROR! The vault password file /nowhere/pw was not found", "/nowhere/pw"),
            ("inventory_invalid", "ERROR! Completely failed to parse inventory source /w/inv.yml", "yaml plugin: tab"),
        ):
            warnings = ["[WARNING]:  * Failed to parse /w/inv.yml with yaml plugin: tab"]
            seen, message = self.failed([*warnings, line], names=["localhost", "vm-7"])
            self.assertEqual(seen, reason, message)
            self.assertIn(within, message)

    def test_an_exception_in_a_callback_is_the_callbacks(self):
        old = ["[WARNING]: Skipping plugin (/w/plugins/broken.py), cannot", "load: No module named 'nowhere'"]
        new = ["Traceback (most recent call last):", "    plugin = callback_loader.get(c, class_only=True)"]
        said = "Unexpected Exception, this is probably a bug: No module named 'nowhere'"
        for lines in ([*old, "ERROR! " + said], ["[ERROR]: " + said, *new]):
            reason, message = self.failed(lines, 250)
            self.assertEqual((reason, message.partition(" ")[2]), ("callback_failed", said))
        other = ["ERROR! Unexpected Exception, this is probably a bug: something else"]
        ended = judge.Ended(250, False, other)
        self.assertEqual(judge.judge(ended, evidence.Evidence((), there=False), RUN, (A, A, DIGEST), None).reason, "ansible_failed")

    def test_an_unreachable_delegate_is_named(self):
        task = {"record": "task", "t": 1, "host": "localhost", "task": "x", "status": "unreachable", "delegate": "lb", "message": "no route"}
        seen = verdict(records=(GOOD[0], task), code=4)
        self.assertEqual(seen.reason, "host_unreachable")
        self.assertIn("lb, to which task 'x' is delegated, could not be reached: no route", seen.message)


class DidNothing(unittest.TestCase):
    """What was asked for and had no effect is said."""

    def end(self, **more):
        return {**playbook("all", 1, skipped=2)[-1], **more}

    def test_a_delegated_task_that_was_done_here_is_no_success(self):
        task = {**GOOD[2], "not_reached": "hub-2", "path": "site.yml:4"}
        seen = verdict(records=(*GOOD[:2], task, *GOOD[3:]))
        self.assertEqual((seen.outcome, seen.reason, seen.failed_conditions), ("failed", "delegate_not_reached", ["tasks_run"]))
        self.assertIn("task 'write' (site.yml:4) was meant for hub-2", seen.message)

    def test_a_meta_task_that_ends_the_play_is_named(self):
        records = (GOOD[0], {**GOOD[1], "ends": "end_host"}, self.end())
        self.assertIn("a meta task, end_host, may have ended it", verdict(records=records).message)

    def notices(self, records, names=("localhost", "vm-7")):
        return {one["reason"]: one["message"] for one in notices.of_run(evidence.Evidence(records, there=True), names)}

    def test_a_play_that_matched_nobody_beside_one_that_did(self):
        idle = {"record": "play", "t": 0, "play": "p", "pattern": "webservers", "hosts": 0}
        self.assertEqual(self.notices((*GOOD[:2], idle, *GOOD[2:])), {"plays_idle": "1 of 2 plays matched no host: webservers"})
        self.assertEqual(self.notices(GOOD), {})

    def test_one_vm_under_two_names(self):
        twice = (*GOOD[:4], {**GOOD[3], "host": "vm-7"}, GOOD[4])
        self.assertIn("localhost, vm-7", self.notices(twice)["vm_matched_twice"])

    def test_strict_makes_a_failure_of_it(self):
        said = [{"reason": "tags_unknown", "message": "no task has the tag x"}]
        for run, outcome in ((RUN, "changed-intentional"), ({**RUN, "strict": True}, "failed")):
            seen = judge.strict(verdict(), run, said)
            self.assertEqual(seen.outcome, outcome)
        self.assertEqual((seen.reason, seen.message), ("tags_unknown", "no task has the tag x"))


class FilesOfTheCommit(MachineTest):
    def found(self, files, has_inventory=False):
        checkout = self.root + "/checkout"
        return [one["reason"] for one in notices.of_checkout(checkout, files, ["localhost", "vm-7"], has_inventory)]

    def test_pointers_and_locked_files(self):
        self.place("/checkout/big", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
        self.place("/checkout/locked", "\0GITCRYPT\0abc")
        self.place("/checkout/plain", "x")
        self.assertEqual([self.found([name]) for name in ("big", "locked", "plain", "gone")], [["files_encrypted"]] * 2 + [[]] * 2)

    def test_variables_of_this_vm_without_an_inventory(self):
        self.place("/checkout/host_vars/vm-7.yml", "who: me\n")
        self.assertEqual((self.found([]), self.found([], True)), (["host_vars_unused"], []))


class NoLog(unittest.TestCase):
    def shown(self, *lines):
        seen = []
        filtered = no_log.NoLogFilter(seen.append)
        for line in lines:
            filtered.line(line)
        filtered.end()
        return "\n".join(seen)

    def test_what_no_log_hides_is_hidden_in_front_of_the_result_too(self):
        hidden = 'fatal: [localhost]: FAILED! => {"censored": "the output has been hidden", "changed": false}'
        seen = self.shown("TASK [x]", "[ERROR]: Task failed: CANARY", "Origin: CANARY", hidden, "PLAY RECAP")
        self.assertNotIn("CANARY", seen)
        self.assertIn("no_log hides why", seen)
        self.assertNotIn("CANARY", self.shown("[ERROR]: Task failed: CANARY"), "nobody said whether it is hidden")

    def test_everything_else_is_shown(self):
        lines = ["TASK [x]", "[ERROR]: Task failed: broken", "Origin: site.yml", "fatal: [localhost]: FAILED! => {}", "end"]
        self.assertEqual(self.shown(*lines), "\n".join(lines))


class EvidenceFile(MachineTest):
    def test_survives_a_line_that_was_cut_off(self):
        content = "".join(json.dumps(record) + "\n" for record in GOOD[:3]) + '{"record": "sta'
        found = evidence.read(self.place("/evidence.jsonl", content))
        self.assertEqual((found.ended, found.totals()["changed"], found.last_task["task"]), ([], 1, "write"))
        self.assertFalse(evidence.read(self.root + "/nowhere").there)

    def test_what_single_tasks_said_counts_until_the_statistics_of_their_playbook(self):
        """Else a run that is cut short in its second playbook tells of the first alone, and so does its progress."""
        one = {"changed": 1, "tasks_run": 1, "hosts_matched": 1}
        two = {**one, "changed": 2, "tasks_run": 2}
        for records, wanted in (
            (GOOD[:3], one),
            (GOOD[:4], one),
            (GOOD, one),
            (GOOD + GOOD[:3], two),
            (GOOD + GOOD[:4], two),
            (GOOD + GOOD, two),
        ):
            totals = evidence.Evidence(records, there=True).totals()
            self.assertEqual({name: totals[name] for name in wanted}, wanted, len(records))

    def test_masks_secrets(self):
        record = {**GOOD[2], "message": "it is CANARY"}
        path = self.place("/evidence.jsonl", json.dumps(record) + "\n")
        found = evidence.read(path, lambda text: text.replace("CANARY", "***"))
        self.assertEqual(found.changed_tasks[0]["message"], "it is ***")


class Versions(unittest.TestCase):
    def test_requirements_of_galaxys_form(self):
        for version, wanted, fits in (
            ("1.2.0", ">=1.0.0,<2.0.0", True),
            ("1.10.0", ">=1.9.0", True),
            ("2.0.0", ">=1.0.0,<2.0.0", False),
            ("1.2.0-beta", ">=1.2.0", False),
            ("1.2.0", "1.2.0", True),
            ("1.2.1", "==1.2.0", False),
            ("1.2.0", "!=1.2.0", False),
            ("1.2.0", "*", True),
            (None, "*", False),
            ("1.2.0", "nonsense", False),
        ):
            self.assertEqual(versions.satisfies(version, wanted), fits, (version, wanted))
