"""A server that answers a byte at a time: no socket's timeout ever sees it hang."""

import socket
import threading

PAUSE_S = 0.05


class DrippingServer:
    """Takes a request, says `begins` at once and the rest byte by byte, for so long that a test sees who waits for it."""

    def __init__(self, begins, drips, seconds=20):
        self.begins, self.drips, self.most = begins, drips, int(seconds / PAUSE_S)
        self.finished, self._closed = False, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while not self._closed.is_set():
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                connection.recv(65536)
                connection.sendall(self.begins)
                for _ in range(self.most):
                    if self._closed.wait(PAUSE_S):
                        return
                    connection.sendall(self.drips)
                self.finished = True
            except OSError:
                return  # it had enough of us
