"""An access log that keeps what it is told, for tests of what is told."""


class Log:
    """`lines` has the request line and the status of each entry; `entries` the entries."""

    def __init__(self, *, timed=False, wants_headers=False, wants_response_headers=False):
        self.timed = timed
        self.wants_headers = wants_headers
        self.wants_response_headers = wants_response_headers
        self.lines = []
        self.entries = []

    def record(self, entry):
        self.lines.append((entry.request_line, entry.status))
        self.entries.append(entry)
