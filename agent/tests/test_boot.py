import base64
import hashlib
import hmac
import json
import os
import socket

from nexus_pull import boot
from nexus_pull.errors import AgentError
from tests.support import KEY, MachineTest, Receiver, configuration, keeps_event_schema, seed_of

NOW = 1767225600


class Boot(MachineTest):
    def receiver(self, *answers):
        receiver = Receiver(*answers)
        self.addCleanup(receiver.close)
        return receiver

    def adopted(self, url, **receiver):
        config = configuration(receiver={"url": url, "heartbeat_s": 900, **receiver})
        self.must_adopt(seed_of(config, {"receiver_key": KEY}))

    def report(self):
        self.pauses = []
        return self.quietly(boot.boot, self.paths, now=lambda: NOW + sum(self.pauses), sleep=self.pauses.append)

    def assert_signed(self, request):
        """The receiver's side of Standard Webhooks, written from contract/vectors alone."""
        _, headers, body = request
        signed = ("%s.%s." % (headers["webhook-id"], headers["webhook-timestamp"])).encode() + body
        mac = base64.b64encode(hmac.new(KEY.encode(), signed, hashlib.sha256).digest()).decode()
        self.assertEqual(headers["webhook-signature"], "v1," + mac)

    def test_reports_a_signed_event_that_keeps_the_contract(self):
        receiver = self.receiver()
        self.adopted(receiver.url)
        done = self.agent("boot")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_signed(receiver.requests[0])
        path, headers, body = receiver.requests[0]
        event = json.loads(body)
        self.assertEqual((path, headers["webhook-id"]), ("/webhook", event["id"]))
        self.assertTrue(headers["content-type"].startswith("application/cloudevents+json"))
        self.assertEqual(event["type"], "io.nexus-pull.vm.booted")
        self.assertEqual(event["source"], "/fleets/dev/vms/nexus-01")
        self.assertEqual(event["id"], "%s-1" % event["data"]["stream"])
        self.assertNotIn("heartbeat_s", event["data"], "no heartbeat is sent, so none may be promised")
        keeps_event_schema(event)

    def test_counts_on_within_a_stream_and_says_which_boot_was_the_first(self):
        receiver = self.receiver()
        self.adopted(receiver.url)
        for _ in range(3):
            self.report()
        data = [json.loads(body)["data"] for _, _, body in receiver.requests]
        self.assertEqual([(d["seq"], d["first_boot"]) for d in data], [(1, True), (2, False), (3, False)])
        self.assertEqual(len({d["stream"] for d in data}), 1)

    def test_is_another_stream_after_its_state_or_its_machine_id_changed(self):
        receiver = self.receiver()
        self.adopted(receiver.url)
        self.report()
        self.place("/etc/machine-id", "f" * 32 + "\n")
        self.report()
        os.unlink(self.paths.stream)
        self.report()
        data = [json.loads(body)["data"] for _, _, body in receiver.requests]
        self.assertEqual([(d["seq"], d["first_boot"]) for d in data], [(1, True)] * 3)
        self.assertEqual(len({d["stream"] for d in data}), 3)

    def test_tries_again_and_signs_each_attempt_anew(self):
        receiver = self.receiver((503, {}, b""), (429, {"retry-after": "20"}, b""), (200, {}, b""))
        self.adopted(receiver.url)
        self.report()
        self.assertEqual(self.pauses, [2, 20])
        stamps = [int(headers["webhook-timestamp"]) for _, headers, _ in receiver.requests]
        self.assertEqual(stamps, [NOW, NOW + 2, NOW + 22])
        self.assertEqual(len({headers["webhook-id"] for _, headers, _ in receiver.requests}), 1)
        for request in receiver.requests:
            self.assert_signed(request)

    def fails(self, reason, attempts):
        with self.assertRaises(AgentError) as caught:
            self.report()
        self.assertEqual(caught.exception.reason, reason)
        self.assertEqual(len(self.pauses) + 1, attempts)
        self.assertIn("vm.booted could NOT be delivered", self.read("/dev/console"))

    def test_gives_up_after_a_few_attempts_and_says_so(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.adopted("http://127.0.0.1:%d/webhook" % closed.getsockname()[1])
            self.fails("receiver_unreachable", 6)

    def test_does_not_repeat_what_the_receiver_sets_aside(self):
        self.adopted(self.receiver((422, {}, b'{"action": "set_aside", "code": "event_invalid"}')).url)
        self.fails("receiver_refused", 1)

    def test_repeats_what_a_proxy_refuses_without_the_receivers_word(self):
        self.adopted(self.receiver((404, {}, b"<html>")).url)
        self.fails("receiver_refused", 6)

    def test_follows_no_redirect(self):
        other = self.receiver()
        redirect = self.receiver((302, {"location": other.url}, b""))
        self.adopted(redirect.url)
        self.fails("receiver_redirected", 1)
        redirect.answers[0] = (307, {"location": other.url}, b"")
        self.fails("receiver_redirected", 1)
        self.assertEqual(other.requests, [])

    def test_says_nothing_without_a_receiver(self):
        self.must_adopt(seed_of(configuration()))
        self.assertIn("no receiver", self.report())

    def test_never_shows_the_key(self):
        self.adopted(self.receiver((422, {}, b'{"action": "set_aside"}')).url)
        done = self.agent("boot")
        self.assertEqual(done.returncode, 1)
        self.assertNotIn(KEY, done.stdout + done.stderr + self.read("/dev/console"))
