"""Files that are served in front of the application: `--static PREFIX=DIR`.

A file is opened first and looked at afterwards, by its descriptor: what was checked is what is
sent, whatever happens to its name meanwhile. Opening waits for the disk, as reading does.
"""

import contextlib
import errno
import fcntl
import functools
import os
import stat
import time
import urllib.parse
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from . import conditional
from .conditional import Fields, Validators
from .errors import ConfigError
from .media_types import is_compressible, media_type
from .types import ASGIApp, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

METHODS = ("GET", "HEAD")
INDEX = "index.html"
CODINGS = {b"br": ".br", b"zstd": ".zst", b"gzip": ".gz"}  # compressed copies, the best first
ACCEPT_BYTES = 1024  # an Accept-Encoding that is longer is not looked at
SMALL = 32768  # bytes up to which a file is read: it then goes out in one write with its head
PUBLIC = ".well-known"  # RFC 8615: the one name with a dot that is for everybody
# A pipe or a device among the files must not make the server wait.
FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
GET_PATH: int | None = getattr(fcntl, "F_GETPATH", None)  # macOS has it
# A Unix socket is ENXIO, a loop of symbolic links ELOOP.
ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO, errno.EINVAL}
ERRORS = {
    **dict.fromkeys(ABSENT, 404),
    errno.EACCES: 403,
    errno.EPERM: 403,
    errno.EMFILE: 503,
    errno.ENFILE: 503,
}
TEXTS = {
    301: b"Moved Permanently\n",
    403: b"Forbidden\n",
    404: b"Not Found\n",
    405: b"Method Not Allowed\n",
    412: b"Precondition Failed\n",
    416: b"Range Not Satisfiable\n",
    503: b"Too many open files\n",
}


@dataclass(frozen=True)
class Mount:
    """A folder, and the path prefix of its files."""

    prefix: str  # "" for all paths
    folder: str  # absolute, and without symbolic links

    def covers(self, path: str) -> bool:
        return path == self.prefix or path.startswith(self.prefix + "/")


def mounts(static: Sequence[str]) -> list[Mount]:
    """What the option `static` names, the longest prefix first. Raises ConfigError."""
    found: dict[str, Mount] = {}
    for text in static:
        prefix, equals, folder = text.partition("=")
        if not equals or not prefix.startswith("/") or not folder:
            raise ConfigError("static", f"{text!r} is not PREFIX=DIR, as in /static=public")
        prefix = prefix.rstrip("/")
        if prefix in found:
            raise ConfigError("static", f"the prefix {prefix or '/'} is given twice")
        if not os.path.isdir(folder):
            raise ConfigError("static", f"{folder} is not a folder")
        found[prefix] = Mount(prefix, os.path.realpath(folder))
    return sorted(found.values(), key=lambda mount: -len(mount.prefix))


class StaticFiles:
    """An ASGI application that serves files, and leaves other paths to the one behind it.

    Under a prefix it answers alone, with 404 for what is not there. Under the prefix "/" what is
    not a file is for the application.
    """

    def __init__(self, app: ASGIApp, static: Sequence[str], max_age: int | None) -> None:
        self._app = app
        self._mounts = mounts(static)
        self._cache_control = (
            [] if max_age is None else [(b"cache-control", b"max-age=%d" % max_age)]
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            for mount in self._mounts:
                if mount.covers(path):
                    return self._serve(mount, path, scope, receive, send)
        return self._app(scope, receive, send)

    async def _serve(
        self, mount: Mount, path: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["method"] not in METHODS:
            if mount.prefix:
                return await say(send, 405, [(b"allow", b"GET, HEAD")])
            return await self._app(scope, receive, send)
        with contextlib.ExitStack() as opened:
            try:
                file = look_up(mount, path, opened)
            except OSError as error:
                status = ERRORS.get(error.errno or 0)
                if status is None:
                    raise
            else:
                if file is None:
                    return await say(send, 301, [(b"location", with_slash(scope))])
                return await self._answer(file, mount, scope, send, opened)
        if status == 404 and not mount.prefix:
            return await self._app(scope, receive, send)
        return await say(send, status)

    async def _answer(
        self,
        file: "OpenFile",
        mount: Mount,
        scope: Scope,
        send: Send,
        opened: contextlib.ExitStack,
    ) -> None:
        fields = request_fields(scope)
        kind = media_type(file.path)
        headers = [*self._cache_control]
        if is_compressible(kind):
            headers.append((b"vary", b"accept-encoding"))
            file = compressed(file, mount, fields.get(b"accept-encoding", b""), opened)
        found = file.validators
        headers += [
            (b"etag", found.etag),
            (b"last-modified", conditional.formatted(found.modified)),
            (b"accept-ranges", b"bytes"),
        ]
        status = conditional.status_of(fields, found)
        if status != 200:
            return await say(send, status, headers)
        part, size = range(file.size), file.size
        if scope["method"] == "GET":  # RFC 9110 14.2: a range of nothing else is defined
            wanted = conditional.part_of(fields, found, size, time.time())
            if wanted is not None and not wanted:
                headers.append((b"content-range", b"bytes */%d" % size))
                return await say(send, 416, headers)
            if wanted is not None:
                status, part = 206, wanted
                text = b"bytes %d-%d/%d" % (part.start, part.stop - 1, size)
                headers.append((b"content-range", text))
        headers += [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(part)).encode()),
        ]
        if file.coding:
            headers.append((b"content-encoding", file.coding))
        return await send_part(send, file, status, headers, part, scope["method"])


class OpenFile:
    """A file or a folder that was opened; its status is that of what will be sent."""

    def __init__(self, path: str, coding: bytes = b"") -> None:
        self.path = path
        self.coding = coding
        self.fd = os.open(path, FLAGS)
        self._status = os.fstat(self.fd)

    def close(self) -> None:
        os.close(self.fd)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self._status.st_mode)

    @property
    def is_regular(self) -> bool:
        return stat.S_ISREG(self._status.st_mode)

    @property
    def size(self) -> int:
        return self._status.st_size

    @property
    def validators(self) -> Validators:
        mtime = self._status.st_mtime_ns
        suffix = b"-" + self.coding if self.coding else b""
        return Validators(b'"%x-%x%s"' % (mtime, self.size, suffix), mtime // 10**9)

    def is_below(self, folder: str) -> bool:
        """Whether it lies in this folder: symbolic links may have led out of it."""
        found = path_of(self.fd)
        if found is None:
            found = os.path.realpath(self.path)
            if not os.path.samestat(os.stat(found), self._status):
                return False
        return found == folder or found.startswith(folder.rstrip("/") + "/")


def path_of(fd: int) -> str | None:
    """Where the kernel says that it is; None on a system that does not tell."""
    if GET_PATH is not None:
        return os.fsdecode(fcntl.fcntl(fd, GET_PATH, bytes(1024)).rstrip(b"\0"))
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return None


def look_up(mount: Mount, path: str, opened: contextlib.ExitStack) -> OpenFile | None:
    """The file of this path; None for a folder whose path lacks the slash. Raises OSError."""
    *names, last = path[len(mount.prefix) :].removeprefix("/").split("/")
    if last:
        names.append(last)
    if not all(map(is_public, names)):
        raise absent(path)
    place = os.path.join(mount.folder, *names)
    if not last and path != mount.prefix:
        return open_regular(os.path.join(place, INDEX), mount, opened)
    file = open_below(place, mount, opened)
    if file.is_folder:
        open_regular(os.path.join(place, INDEX), mount, opened)
        return None
    if not file.is_regular:
        raise absent(path)
    return file


def is_public(name: str) -> bool:
    """Not hidden, not .., and not what could be taken for a path by some other system."""
    if not name or "\\" in name or "\0" in name or (name[0] == "." and name != PUBLIC):
        return False
    return name.isascii() or is_encodable(name)


def is_encodable(name: str) -> bool:
    try:
        return bool(os.fsencode(name))
    except UnicodeEncodeError:
        return False


def open_regular(
    path: str, mount: Mount, opened: contextlib.ExitStack, coding: bytes = b""
) -> OpenFile:
    """A regular file that lies in the folder of the mount. Raises OSError."""
    file = open_below(path, mount, opened, coding)
    if not file.is_regular:
        raise absent(path)
    return file


def open_below(
    path: str, mount: Mount, opened: contextlib.ExitStack, coding: bytes = b""
) -> OpenFile:
    """What is there, if it lies in the folder of the mount. Raises OSError."""
    file = OpenFile(path, coding)
    opened.callback(file.close)
    if not file.is_below(mount.folder):
        raise absent(path)
    return file


def absent(path: str) -> OSError:
    return FileNotFoundError(errno.ENOENT, "not a file to be served", path)


def compressed(
    file: OpenFile, mount: Mount, accepted: bytes, opened: contextlib.ExitStack
) -> OpenFile:
    """The compressed copy that the client prefers, if there is one that is not out of date."""
    for coding in codings(accepted):
        with contextlib.suppress(OSError):
            copy = open_regular(file.path + CODINGS[coding], mount, opened, coding)
            if copy.validators.modified >= file.validators.modified:
                return copy
    return file


def codings(accepted: bytes) -> tuple[bytes, ...]:
    """Those of CODINGS that an Accept-Encoding accepts, the preferred first (RFC 9110 12.5.3)."""
    return read_codings(accepted) if 0 < len(accepted) <= ACCEPT_BYTES else ()


@functools.lru_cache(64)
def read_codings(accepted: bytes) -> tuple[bytes, ...]:
    weights: dict[bytes, float] = {}
    for item in accepted.lower().split(b","):
        name, _, parameter = item.partition(b";")
        quality = parameter.replace(b" ", b"").removeprefix(b"q=")
        try:
            weights[name.strip()] = float(quality) if parameter.strip() else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    least = weights.get(b"identity", 0.0)
    others = weights.get(b"*", 0.0)
    found = [(weights.get(coding, others), coding) for coding in CODINGS]
    wanted = [(weight, coding) for weight, coding in found if weight > 0 and weight >= least]
    return tuple(coding for _, coding in sorted(wanted, key=lambda pair: -pair[0]))


def request_fields(scope: Scope) -> Fields:
    """The fields by name; several lines of one as one list."""
    fields: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def with_slash(scope: Scope) -> bytes:
    path = urllib.parse.quote(scope["path"], errors="surrogateescape").encode() + b"/"
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path


async def say(send: Send, status: int, headers: Headers | None = None) -> None:
    """Answer without a file; 304 has no content."""
    text = TEXTS.get(status, b"")
    headers = headers or []
    if text:
        headers = [
            *headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(text)).encode()),
        ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


async def send_part(
    send: Send, file: OpenFile, status: int, headers: Headers, part: range, method: str
) -> None:
    body = b""
    if method == "GET" and len(part) <= SMALL:
        body = os.pread(file.fd, len(part), part.start)
        if len(body) < len(part):
            raise RuntimeError(f"{file.path} has become shorter while it was read")
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if method == "HEAD" or len(part) <= SMALL:
        return await send({"type": "http.response.body", "body": body})
    return await send(
        {
            "type": "http.response.zerocopysend",
            "file": file.fd,
            "offset": part.start,
            "count": len(part),
        }
    )
