"""Formats of the access log: each is a function from an entry to a line.

No line can be forged: what a client has sent is escaped. No line is longer than what a pipe keeps
together (4 KiB), which workers may share: long values are cut.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from .formatters import BOLD, RESET, TIME, colored_status

if TYPE_CHECKING:
    from .asgi._entry import Entry

Line = Callable[["Entry"], str]
Headers = Iterable[tuple[bytes, bytes]] | None

LINE_CHARACTERS = 4000
JSON_CHARACTERS = 1800  # of the path, and of the query
NANOSECONDS = 10**9


class Format(NamedTuple):
    """How an entry becomes a line, and what it must have for that besides the request line."""

    line: Line
    timed: bool = False
    wants_headers: bool = False
    wants_response_headers: bool = False


def make_format(text: str, *, colors: bool = False) -> Format:
    """Of `access_log_format`. Raises ValueError."""
    if text == "json":
        return Format(json_line(), timed=True)
    return Format(text_line(colors=colors)) if text == "text" else Atoms(text).format()


def stamper(pattern: str, *, utc: bool = False) -> Callable[[], str]:
    """A function that gives the time, formatted once a second: that costs more than a line."""
    second, text = -1, ""
    now, zone = time.time, time.gmtime if utc else time.localtime

    def stamp() -> str:
        nonlocal second, text
        if int(now()) != second:
            second = int(now())
            text = time.strftime(pattern, zone(second))
        return text

    return stamp


def text_line(*, colors: bool = False) -> Line:
    """As uvicorn's, after the time and the process."""
    from .asgi._entry import TextLine

    begin = f"{TIME} [{os.getpid()}] "
    stamp = stamper(begin)
    usual = TextLine(lambda second: time.strftime(begin, time.localtime(second))).line

    def text(entry: "Entry") -> str:
        return usual(entry) or other_text(entry)

    def other_text(entry: "Entry") -> str:
        """What that cannot write, and it in colours."""
        status = str(entry.status)
        if entry.websocket == "closed":
            status = f"closed {status} after {entry.elapsed / NANOSECONDS:.3f} s"
        elif colors:
            status = colored_status(entry.status, status)
        line = f"{BOLD}{entry.request_line}{RESET}" if colors else entry.request_line
        return f'{stamp()}{entry.client or "-"} - "{line}" {status}\n'

    return other_text if colors else text


def json_line() -> Line:
    """One object per line."""
    from .asgi._entry import quoted

    stamp, now, pid = stamper("%Y-%m-%dT%H:%M:%S", utc=True), time.time, os.getpid()
    thousandths = [f"{number:03}" for number in range(1000)]

    def line(entry: "Entry") -> str:
        path, query, event = quoted(entry.path), quoted(entry.query), entry.websocket
        if len(path) != len(entry.path) or len(path) > JSON_CHARACTERS:
            path = json_text(entry.path, JSON_CHARACTERS)
        if len(query) != len(entry.query) or len(query) > JSON_CHARACTERS:
            query = json_text(entry.query, JSON_CHARACTERS)
        websocket = "" if event is None else f'"websocket": "{event}", '
        took = entry.elapsed // 1000
        return (
            f'{{"time": "{stamp()}.{thousandths[int(now() * 1000) % 1000]}Z", "pid": {pid}, '
            f'"client": "{entry.client}", "method": "{entry.method}", '
            f'"path": "{path}", "query": "{query}", '
            f'"version": "{entry.version}", "status": {entry.status}, {websocket}'
            f'"length": {entry.length}, "ms": {took // 1000}.{thousandths[took % 1000]}}}\n'
        )

    return line


def json_text(text: bytes, most: int) -> str:
    """What stands between quotes in JSON; cut to about so many characters."""
    from json.encoder import encode_basestring_ascii as quoted_text  # others need not import json

    whole = quoted_text(text[: most + 1].decode("latin-1"))[1:-1]
    if len(whole) <= most:
        return whole
    shortened = text[: most // 6].decode("latin-1")  # 6: as in \\u00e9
    return quoted_text(shortened + "...")[1:-1]


# gunicorn's atoms

PIECE = re.compile(r"%(?:%|\((?:\{([^}]+)\}([ioe])|([A-Za-z]))\)(-?[1-9]\d*)?[sd]|(\(.*?\)\S?|.?))")

# How an atom is made of an entry `e`. What the client has sent passes `quote`, or `field`, which
# looks a field up.
ATOMS = {
    "h": "host(e)",
    "l": "'-'",
    "u": "quote(user(find(e.headers, b'authorization')))",
    "t": "stamp()",
    "r": "line(e)",
    "m": "e.method",
    "U": "quote(e.path)",
    "q": "quote(e.query)",
    "H": "'HTTP/' + e.version",
    "s": "e.status",
    "B": "e.length",
    "b": "e.length or '-'",
    "f": "field(e.headers, b'referer')",
    "a": "field(e.headers, b'user-agent')",
    "T": "e.elapsed // 1_000_000_000",
    "D": "e.elapsed // 1000",
    "M": "e.elapsed // 1_000_000",
    "L": "'%.6f' % (e.elapsed / 1e9)",
    "p": "pid",
}
TIMED = frozenset("TDML")
FIELDS = frozenset("ufa")
LONG = frozenset("urUqfa")  # as long as a client likes
# Variables of {name}e that tell of the request, as WSGI and CGI name them.
VARIABLES = {
    "REQUEST_METHOD": "m",
    "PATH_INFO": "U",
    "QUERY_STRING": "q",
    "SERVER_PROTOCOL": "H",
    "REMOTE_ADDR": "h",
    "REMOTE_USER": "u",
    "HTTP_USER_AGENT": "a",
    "HTTP_REFERER": "f",
}


class Atoms:
    """A format string with gunicorn's atoms, `%(h)s` and so on.

    In a format that looks like JSON, values are escaped as in JSON. Raises ValueError with the
    atoms that there are not.
    """

    def __init__(self, text: str) -> None:
        self._timed = self._wants_headers = self._wants_response_headers = False
        self._long = 0  # values that a client can make long
        self._names: dict[str, object] = {}  # of the constants in the expression
        self._unknown: list[str] = []
        self._is_json = text.lstrip().startswith("{")
        self._pieces = list(self._pieces_of(text))
        if self._unknown:
            names = ", ".join(self._unknown)
            known = " ".join(ATOMS)
            raise ValueError(
                f"there is no {names}; the atoms are {known} {{name}}i {{name}}o {{name}}e, "
                "each as in %(h)s, and %%"
            )
        if not self.atoms:
            raise ValueError(f"{text!r} is neither text, json nor a format such as '%(h)s %(r)s'")

    def _pieces_of(self, text: str) -> Iterable[str]:
        """Parts of a f-string; everything that is not an atom is a constant with a name."""
        self.atoms = at = 0
        for match in PIECE.finditer(text):
            yield self._constant(text[at : match.start()])
            at = match.end()
            name, kind, letter, width, wrong = match.groups()
            if wrong is not None:
                self._unknown.append(match[0])
            elif match[0] == "%%":
                yield self._constant("%")
            else:
                self.atoms += 1
                made = self._atom(letter) if letter else self._named(name, kind)
                if made is None:
                    self._unknown.append(match[0])
                elif width:
                    align = "<" if width.startswith("-") else ">"
                    yield f"{{str({made}):{align}{width.removeprefix('-')}}}"
                else:
                    yield f"{{{made}}}"
        yield self._constant(text[at:])

    def _constant(self, value: object) -> str:
        return f"{{{self._name(value)}}}" if value != "" else ""

    def _name(self, value: object) -> str:
        name = f"c{len(self._names)}"
        self._names[name] = value
        return name

    def _atom(self, letter: str) -> str | None:
        self._timed = self._timed or letter in TIMED
        self._wants_headers = self._wants_headers or letter in FIELDS
        self._long += letter in LONG
        return ATOMS.get(letter)

    def _named(self, name: str, kind: str) -> str | None:
        if kind == "e":
            return self._variable(name)
        self._long += 1
        if kind == "i":
            headers = "headers"
            self._wants_headers = True
        else:
            headers = "response_headers"
            self._wants_response_headers = True
        return f"field(e.{headers}, {self._name(name.lower().encode())})"

    def _variable(self, name: str) -> str | None:
        """Of the request or, if it has none such, of this process's environment as it is now."""
        if name in VARIABLES:
            return self._atom(VARIABLES[name])
        if name.startswith("HTTP_"):
            return self._named(name.removeprefix("HTTP_").replace("_", "-"), "i")
        return self._name(os.environ.get(name, "-"))

    def format(self) -> Format:
        """Compiled."""
        source = 'lambda e: f"""{pieces}\\n"""'.replace("{pieces}", "".join(self._pieces))
        names = {**self._names, **self._functions()}
        # The source is made of ATOMS and of names alone: what the user wrote is in constants.
        line = eval(source, {"__builtins__": {"str": str}, **names})
        return Format(line, self._timed, self._wants_headers, self._wants_response_headers)

    def _functions(self) -> Mapping[str, object]:
        """What the expressions of ATOMS call."""
        from .asgi._entry import find, quoted

        constant = sum(len(value.encode()) for value in self._names.values() if type(value) is str)
        most = max(100, (LINE_CHARACTERS - constant - 300) // max(1, self._long))
        escape = json_text if self._is_json else quoted

        def quote(text: bytes) -> str:
            return escape(text, most)

        def line(entry: "Entry") -> str:
            text = entry.request_line
            if len(text) > most or (self._is_json and "\\" in text):
                return quote(text.encode())
            return text

        def field(headers: Headers, name: bytes) -> str:
            value = find(headers, name)
            return "-" if value is None else escape(value, most)

        return {
            "quote": quote,
            "line": line,
            "field": field,
            "find": find,
            "host": host,
            "user": user,
            "pid": f"<{os.getpid()}>",
            "stamp": stamper("[%d/%b/%Y:%H:%M:%S %z]"),
        }


def host(entry: "Entry") -> str:
    """The client without its port."""
    return entry.client.rpartition(":")[0] or "-"


def user(value: bytes | None) -> bytes:
    """Who it says it is in HTTP's Basic authentication. RFC 7617 2"""
    import binascii

    if value is None or value[:6].lower() != b"basic ":
        return b"-"
    try:
        return binascii.a2b_base64(value[6:]).partition(b":")[0] or b"-"
    except binascii.Error:
        return b"-"
