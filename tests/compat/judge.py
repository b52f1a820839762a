"""Judge the conformance cases for any server: by what the clause asks, and no more.

fastserve's own tests are stricter. Here:

- a refusal may have any error status, and may come while the app runs, or because it fails;
- a body that arrives complete may be framed in any way;
- an error that `send()` raises may end the request: only that it was raised counts;
- a connection may stay open after a 500, and close after a response to HTTP/1.0;
- bytes after the last response may be lost, and a close need not be announced.

Not played: cases in which the clause leaves a choice (`conformance.choices`), and those that need
an option or an application of their own.
"""

from dataclasses import fields

from conformance.cases import Exchange
from conformance.choices import NAMES
from conformance.table import TOPICS


def compared():
    """Topics, with those of their cases that any server should pass."""
    for title, topic in TOPICS.items():
        part = [case for case in topic.CASES if is_compared(case)]
        if part:
            yield title, part


def is_compared(case):
    return not (case.options or case.local or case.id in NAMES)


def play(peer, case, way):
    """Raises if the server does something else."""
    if isinstance(case, Exchange):
        case = lenient(case)
    case.play(peer, way)


def lenient(case):
    values = {field.name: getattr(case, field.name) for field in fields(case)}
    if case.calls == 0:
        values["calls"] = None
    if case.framing != "none":
        values["framing"] = None
    return Lenient(**values)


class Lenient(Exchange):
    def play(self, peer, way):
        if self.journal and all(entry == "raised" for entry in self.journal):
            self.play_raising(peer)
        else:
            super().play(peer, way)

    def play_raising(self, peer):
        run = peer.begin(self.script)
        with peer.connect() as client:
            client.send(self.request)
            journal = run.report()
            assert journal[: len(self.journal)] == self.journal, journal
            client.socket.close()

    def see_response(self, client):
        if self.calls is None and self.status >= 400:
            response = client.response(self.method)
            assert response.status >= 400, f"{response.status} {response.body[:80]!r}"
        else:
            super().see_response(client)

    def see_end(self, peer, client):
        old = b"HTTP/1.0\r\n" in self.request.partition(b"Host")[0]
        if self.status != 500 and not (old and not self.closes):
            super().see_end(peer, client)
