"""Messages both ways on one HTTP/2 stream, as gRPC sends them: in order, with flat memory."""

import driver
from frames import DATA, END_STREAM, Http2
from served import Served

KIB = 1024
IN_FLIGHT = 500  # messages
MOST = 1024 * KIB  # that memory may grow after the first tenth


def run(server, long):
    count = 100_000 if long else 10_000
    with Served(server, "app") as served:
        connection = Http2(served)
        connection.request(1, b"/messages", b"POST")
        exchange = Exchange(connection, count)
        exchange.advance(count // 10)
        before = served.peak()
        exchange.advance(count)
        growth = served.peak() - before
        connection.end(1)
        exchange.finish()
        connection.close()
    figure = (
        f"{exchange.received} of {count} come back in order, memory grows by {growth / KIB:.0f} KiB"
    )
    kept = exchange.received == count and growth <= MOST
    return driver.Verdict("messages both ways on one HTTP/2 stream", figure, kept)


class Exchange:
    """Numbered messages of 37 bytes, of which so many at most have not come back yet."""

    def __init__(self, connection, count):
        self.connection, self.count = connection, count
        self.sent = self.received = 0
        self.ended = False
        self._data = b""

    def advance(self, number):
        """Until so many have come back."""
        while self.received < number:
            while self.sent < min(self.count, self.received + IN_FLIGHT):
                data = message(self.sent)
                if self.connection.room(1) < len(data):
                    break
                self.connection.send(1, data)
                self.sent += 1
            self._read()

    def finish(self):
        while not self.ended:
            self._read()

    def _read(self):
        kind, flags, stream, payload = self.connection.next_frame()
        if stream != 1:
            return
        self.ended = bool(flags & END_STREAM)
        self._data += payload if kind == DATA else b""
        while self._data.startswith(expected := message(self.received)):
            self._data = self._data[len(expected) :]
            self.received += 1
        if len(self._data) >= len(expected):
            raise ConnectionError(f"message {self.received} is not the next: {self._data[:40]!r}")


def message(number):
    """gRPC's frame: a byte of flags, the length in four, the message."""
    return b"\0" + (32).to_bytes(4) + b"%032d" % number


if __name__ == "__main__":
    driver.main(run)
