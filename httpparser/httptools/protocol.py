"""The methods that the callback parsers look for, as a type."""

from typing import Protocol

__all__ = ["HTTPProtocol"]


class HTTPProtocol(Protocol):
    """What a parser calls; a protocol may lack any of these, and then nothing is called."""

    def on_message_begin(self) -> None:
        """A message starts."""

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header field, or a trailer field after the body."""

    def on_headers_complete(self) -> None:
        """The head is complete."""

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""

    def on_message_complete(self) -> None:
        """The message is complete."""

    def on_chunk_header(self) -> None:
        """A chunk starts."""

    def on_chunk_complete(self) -> None:
        """A chunk is complete."""

    def on_status(self, status: bytes) -> None:
        """A piece of the reason phrase."""
