"""HTTP/2 in raw frames: as much of a client as the faults need, that keeps only what it asks for."""

from served import receive

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW_SIZE = 4
LARGEST = 2**31 - 1
WINDOW = 65535  # RFC 9113 6.9.2: of a new connection, and of a new stream unless SETTINGS differ


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def settings(**values):
    """By their numbers in RFC 9113 6.5.2."""
    return b"".join(int(name[1:]).to_bytes(2) + size.to_bytes(4) for name, size in values.items())


def head(method, path):
    """RFC 7541 6.2.2: literal fields that enter no table; their names are of the static table."""
    fields = {2: method, 6: b"http", 4: path, 1: b"a"}
    return b"".join(bytes([name, len(value)]) + value for name, value in fields.items())


class Http2:
    """A connection by prior knowledge, whose windows are as large as they are made here."""

    def __init__(self, served, stream_window=LARGEST, window=LARGEST):
        self.sock = served.connect()
        self.sent_window = {0: WINDOW}  # what may still be sent: of the connection, of each stream
        self.new_window = WINDOW
        self._data = b""
        hello = PREFACE + frame(SETTINGS, 0, 0, settings(_4=stream_window))
        if window > WINDOW:
            hello += frame(WINDOW_UPDATE, 0, 0, (window - WINDOW).to_bytes(4))
        self.sock.sendall(hello)
        while self.next_frame()[:2] != (SETTINGS, ACK):
            pass

    def request(self, stream, path, method=b"GET"):
        flags = END_HEADERS | (END_STREAM if method == b"GET" else 0)
        self.sent_window[stream] = self.new_window
        self.sock.sendall(frame(HEADERS, flags, stream, head(method, path)))

    def send(self, stream, payload):
        """One DATA frame; the caller has looked at `room`."""
        self.sent_window[0] -= len(payload)
        self.sent_window[stream] -= len(payload)
        self.sock.sendall(frame(DATA, 0, stream, payload))

    def end(self, stream):
        self.sock.sendall(frame(DATA, END_STREAM, stream))

    def room(self, stream):
        return min(self.sent_window[0], self.sent_window[stream])

    def next_frame(self):
        """Type, flags, stream, payload; SETTINGS and WINDOW_UPDATE have had their effect."""
        while len(self._data) < 9 or len(self._data) < 9 + int.from_bytes(self._data[:3]):
            self._data += receive(self.sock)
        size = int.from_bytes(self._data[:3])
        kind, flags, stream = self._data[3], self._data[4], int.from_bytes(self._data[5:9])
        payload, self._data = self._data[9 : 9 + size], self._data[9 + size :]
        if kind == SETTINGS and not flags & ACK:
            self._set(payload)
            self.sock.sendall(frame(SETTINGS, ACK, 0))
        elif kind == WINDOW_UPDATE and stream in self.sent_window:
            self.sent_window[stream] += int.from_bytes(payload)
        elif kind in (RST_STREAM, GOAWAY):
            raise ConnectionError(f"frame {kind} on stream {stream}: {payload!r}")
        return kind, flags, stream, payload

    def body(self, stream):
        """The rest of the answer on this stream, whole."""
        found, ended = b"", False
        while not ended:
            kind, flags, where, payload = self.next_frame()
            if where == stream:
                found += payload if kind == DATA else b""
                ended = kind in (DATA, HEADERS) and bool(flags & END_STREAM)
        return found

    def close(self):
        self.sock.close()

    def _set(self, payload):
        for at in range(0, len(payload), 6):
            name, size = (
                int.from_bytes(payload[at : at + 2]),
                int.from_bytes(payload[at + 2 : at + 6]),
            )
            if name == INITIAL_WINDOW_SIZE:  # RFC 9113 6.9.2: streams that are open change too
                for stream in self.sent_window.keys() - {0}:
                    self.sent_window[stream] += size - self.new_window
                self.new_window = size
