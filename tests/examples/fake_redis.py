"""As much of Redis as publishing and subscribing takes, in RESP 2 on a loopback socket."""

import socketserver
import threading


class FakeRedis(socketserver.ThreadingTCPServer):
    """Runs in a thread from `with` on; `url` is where."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Session)
        self.url = f"redis://127.0.0.1:{self.server_address[1]}?protocol=2"
        self.sessions = set()
        self.subscribers = set()

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.go_away()

    def go_away(self):
        """Close the listening socket and every connection."""
        self.shutdown()
        self.server_close()
        for session in list(self.sessions):
            session.connection.shutdown(2)


class Session(socketserver.StreamRequestHandler):
    """One connection."""

    def setup(self):
        super().setup()
        self.server.sessions.add(self)

    def finish(self):
        self.server.sessions.discard(self)
        self.server.subscribers.discard(self)

    def handle(self):
        while words := self.read_command():
            self.connection.sendall(self.reply(*words))

    def read_command(self):
        """Its words, or none at the end of the stream: *2 $4 PING $0."""
        try:
            count = int(self.rfile.readline()[1:] or 0)
            return [self.rfile.read(int(self.rfile.readline()[1:]) + 2)[:-2] for _ in range(count)]
        except OSError:
            return []

    def reply(self, command, *words):
        if command == b"SUBSCRIBE":
            self.server.subscribers.add(self)
            return array(b"subscribe", words[0], 1)
        if command == b"PUBLISH":
            subscribers = list(self.server.subscribers)
            for session in subscribers:
                session.connection.sendall(array(b"message", *words))
            return b":%d\r\n" % len(subscribers)
        return b"+OK\r\n"  # how a client introduces itself


def array(*items):
    parts = [
        b":%d\r\n" % item if isinstance(item, int) else b"$%d\r\n%b\r\n" % (len(item), item)
        for item in items
    ]
    return b"*%d\r\n" % len(items) + b"".join(parts)
