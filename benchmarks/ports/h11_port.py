"""h11 alone behind fastserve's parser port: `--http benchmarks.ports.h11_port:H11`.

`--http h11` also checks requests as strictly as llhttp does; that work is not h11's.
"""

from typing import Any

import h11

from httpparser import HttpParserError, Limits, RequestHead


class H11:
    """One connection's requests, each in an h11 connection of its own."""

    def __init__(self, sink: Any, limits: Limits) -> None:
        self.sink = sink
        self.size = limits.fields + limits.request_line
        self.connection: h11.Connection | None = None

    def feed(self, data: bytes) -> int:
        """Hand over events up to the end of one message; returns how many bytes it took."""
        if self.connection is None:
            self.connection = h11.Connection(h11.SERVER, max_incomplete_event_size=self.size)
        connection = self.connection
        try:
            connection.receive_data(data)
            while True:
                event = connection.next_event()
                if type(event) is h11.Request:
                    self.sink.head(head(event))
                elif type(event) is h11.Data:
                    self.sink.body(bytes(event.data))
                elif type(event) is h11.EndOfMessage:
                    self.connection = None
                    self.sink.end()
                    return len(data) - len(connection.trailing_data[0])
                else:
                    return len(data)
        except h11.RemoteProtocolError as error:
            raise HttpParserError(str(error)) from None


def head(request: h11.Request) -> RequestHead:
    method, version = request.method.decode("ascii"), request.http_version.decode("ascii")
    return RequestHead(method, request.target, version, list(request.headers))
