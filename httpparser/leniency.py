"""What the parsers can be made to accept, each with its danger; never on the open Internet."""

from enum import IntFlag


class Leniency(IntFlag):
    """Flags for `RequestParser(lenient=…)` and `ResponseParser(lenient=…)`.

    Most of these let two parties see different messages in the same bytes, which is what request
    smuggling is made of. `strict=False` is needed as well where the strict rules refuse the same.
    """

    HEADERS = 0x1  #: control characters and folded lines in values: response splitting
    CHUNKED_LENGTH = 0x2  #: Content-Length beside chunked: request smuggling
    KEEP_ALIVE = 0x4  #: read on after Connection: close: answers to requests that nobody sent
    TRANSFER_ENCODING = 0x8  #: a body that does not end in chunked: request smuggling
    VERSION = 0x10  #: any HTTP version number
    DATA_AFTER_CLOSE = 0x20  #: bytes after the last message are ignored: hides mistakes
    OPTIONAL_LF_AFTER_CR = 0x40  #: a lone CR ends a line: request smuggling
    OPTIONAL_CRLF_AFTER_CHUNK = 0x80  #: chunks need no CRLF after them: request smuggling
    OPTIONAL_CR_BEFORE_LF = 0x100  #: a lone LF ends a line: smuggling past parties that differ
    SPACES_AFTER_CHUNK_SIZE = 0x200  #: spaces after a chunk size: likewise
