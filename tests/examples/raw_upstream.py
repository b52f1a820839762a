"""An upstream that answers with the bytes of a test, and notes what it was asked."""

import socket
import socketserver
import threading

HANG = object()  # no answer
CLOSE = object()  # nor a connection


def response(body=b"", *fields, status=b"200 OK"):
    head = [b"HTTP/1.1 " + status, *fields, b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*head, b"", body])


class RawUpstream(socketserver.ThreadingTCPServer):
    """Gives `answers` to the requests one after the other, the last one again and again.

    Health checks are answered with `health`, and are not noted.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), Session)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.health = response()
        self.give(*answers)
        self.checked = threading.Semaphore(0)  # released by each health check
        self.asked = threading.Semaphore(0)  # and by each request
        self.closed = threading.Semaphore(0)  # and when the gateway closes a connection it used
        self.over = threading.Event()
        self.lock = threading.Lock()

    def give(self, *answers):
        """From now on."""
        self.answers = list(answers)
        self.requests = []  # heads and, where their length is known, bodies
        self.connections = 0  # that were new to requests other than health checks

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """The gateway closed the connection."""


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        new = True
        while head := self.read_head():
            if head.startswith(b"GET /healthz"):
                answer = self.server.health
                self.server.checked.release()
            else:
                with self.server.lock:
                    self.server.connections += new
                    self.server.requests.append(head)
                    more = len(self.server.answers) > 1
                    answer = self.server.answers.pop(0) if more else self.server.answers[0]
                    self.server.asked.release()
                new = False
            if answer is HANG:
                self.server.over.wait()
                return
            if answer is not CLOSE:
                parts = answer if isinstance(answer, list) else [answer]
                for part in parts:
                    if part is HANG:
                        self.server.over.wait()
                        return
                    if part is not CLOSE:
                        self.connection.sendall(part)
            if answer is CLOSE or CLOSE in parts:
                self.connection.shutdown(socket.SHUT_RDWR)
                return

        if not new:
            self.server.closed.release()

    def read_head(self):
        lines, length = [], 0
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            lines.append(line)
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return b"".join(lines) + self.rfile.read(length)
