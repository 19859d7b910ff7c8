"""An exchange with a server has an end as a whole, however slowly the server goes on answering."""

import select
import signal
import unittest
from unittest import mock

from nexus_pull import deadline, files
from nexus_pull.errors import AgentError
from nexus_pull.events import transport
from nexus_pull.vault import client
from tests.dripping import DrippingServer
from tests.test_flush import FlushTest

OK = b"HTTP/1.1 200 OK\r\n"


class Deadline(unittest.TestCase):
    def test_nothing_is_left_of_it_when_the_block_ends_in_time(self):
        before = signal.getsignal(signal.SIGALRM)
        with deadline.within(600):
            self.assertNotEqual(signal.getitimer(signal.ITIMER_REAL), (0, 0))
        self.assertEqual(signal.getitimer(signal.ITIMER_REAL), (0, 0))
        self.assertEqual(signal.getsignal(signal.SIGALRM), before)

    def test_what_a_destructor_swallows_is_said_again(self):
        said = []
        with self.assertRaises(TimeoutError):
            with deadline.within(0.05):
                try:
                    select.select([], [], [], 10)
                except TimeoutError as lost:
                    said.append(lost)
                select.select([], [], [], 10)
        self.assertEqual(len(said), 1)


class Flushing(FlushTest):
    def gives_up(self, server, reason, pause):
        """The flusher ends the request, loses nothing, and delivers all when the receiver is in order again."""
        self.addCleanup(server.close)
        self.adopted(server.address + "/webhook")
        made = self.record(3)
        flusher = self.flusher()
        with mock.patch.object(transport, "LONGEST_S", 0.5):
            self.assertEqual(self.quietly(flusher.step), pause)
        self.assertFalse(server.finished, "it waited until the server was tired")
        said = files.read_json(self.paths.delivery)
        self.assertEqual((said["state"], said["reason"]), ("waiting", reason))
        self.assertEqual(self.waiting(), made)
        receiver = self.receiver()
        self.adopted(receiver.url)
        self.assertEqual(self.quietly(flusher.run), 0)
        self.assertEqual(self.bodies(receiver), [made])
        return said

    def test_headers_that_never_end_do_not_hold_the_flusher(self):
        said = self.gives_up(DrippingServer(OK + b"X-Endless: ", b"x"), "receiver_unreachable", 0.5)
        self.assertIn("no end after 0.5 s", said["message"])

    def test_a_refusal_that_never_ends_counts_as_it_began(self):
        begins = b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Length: 60000\r\n\r\n{"
        self.gives_up(DrippingServer(begins, b" "), "receiver_refused", 7)


class Vault(unittest.TestCase):
    def test_secrets_that_never_end_do_not_hold_the_run(self):
        server = DrippingServer(OK + b"Content-Length: 60000\r\n\r\n{", b" ")
        self.addCleanup(server.close)
        with mock.patch.object(client, "LONGEST_S", 0.5), self.assertRaises(AgentError) as caught:
            client.Client({"address": server.address}).get("secret/data/x", "t")
        self.assertEqual(caught.exception.reason, "vault_unreachable")


if __name__ == "__main__":
    unittest.main()
