import shutil
import tempfile

from nexus_pull import files
from tests.certificates import Authority
from tests.support import Receiver
from tests.test_flush import FlushTest

GOOD = ("20200101000000Z", "21000101000000Z")
EXPIRED = ("20200101000000Z", "20200201000000Z")


class Tls(FlushTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="nexus-pull-ca-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.ours = Authority(cls.folder + "/ours")
        cls.strangers = Authority(cls.folder + "/strangers")
        cls.good = cls.ours.certificate("good", *GOOD)
        cls.expired = cls.ours.certificate("expired", *EXPIRED)

    def receiver_with(self, certificate):
        receiver = Receiver(certificate=certificate)
        self.addCleanup(receiver.close)
        return receiver

    def fails(self, certificate, authority):
        self.adopted(self.receiver_with(certificate).url, ca_certificate=authority.pem)
        made = self.record()
        pause = self.quietly(self.flusher().step)
        self.assertEqual(self.waiting(), made)
        return pause, files.read_json(self.paths.delivery)

    def test_the_configured_authority_is_trusted(self):
        receiver = self.receiver_with(self.good)
        self.adopted(receiver.url, ca_certificate=self.ours.pem)
        made = self.record()
        self.assertEqual(self.flush(), 0)
        self.assertEqual(self.bodies(receiver), made)

    def test_another_authority_is_a_reason_that_says_what_is_wrong(self):
        _, said = self.fails(self.good, self.strangers)
        self.assertEqual(said["reason"], "receiver_tls_failure")
        self.assertRegex(said["message"], "certificate is not accepted: .*(self.signed|unable to get)")

    def test_an_expired_certificate_is_the_receivers_fault_when_the_clock_is_right(self):
        pause, said = self.fails(self.expired, self.ours)
        self.assertEqual((said["reason"], pause), ("receiver_tls_failure", 60))
        self.assertIn("certificate has expired", said["message"])

    def test_with_a_clock_that_is_not_synchronized_the_time_is_waited_for(self):
        self.synced = False
        pause, said = self.fails(self.expired, self.ours)
        self.assertEqual(said["reason"], "clock_not_synced")
        self.assertIn("events wait in the spool: clock_not_synced", self.read("/dev/console"))
        self.assertTrue(self.pauses and pause < 1, "it looks at the clock while it waits")

    def test_when_the_time_comes_it_goes_on_at_once(self):
        self.synced = lambda: len(self.pauses) >= 3
        receiver = self.receiver_with(self.expired)
        self.adopted(receiver.url, ca_certificate=self.ours.pem)
        made = self.record()
        flusher = self.flusher()
        flusher._failures = 10  # long since down: the pause would be minutes
        self.quietly(flusher.step)
        self.assertEqual(self.pauses, [5, 5, 5])
        receiver.present(self.good)
        self.assertEqual(self.quietly(flusher.run), 0)
        self.assertEqual(self.bodies(receiver), made)

    def test_no_redirect_is_followed(self):
        other = self.receiver()
        for status in (301, 302, 303, 307, 308):
            receiver = Receiver((status, {"location": other.url}, b""), certificate=self.good)
            self.addCleanup(receiver.close)
            self.adopted(receiver.url, ca_certificate=self.ours.pem)
            made = self.record()
            self.quietly(self.flusher().step)
            self.assertEqual(files.read_json(self.paths.delivery)["reason"], "receiver_redirected")
            self.assertEqual(self.waiting()[-1:], made)
        self.assertEqual(other.requests, [])

    def test_plain_http_on_that_port_is_said(self):
        self.adopted(self.receiver().url.replace("http:", "https:"))
        self.record()
        self.quietly(self.flusher().step)
        self.assertEqual(files.read_json(self.paths.delivery)["reason"], "receiver_tls_failure")
