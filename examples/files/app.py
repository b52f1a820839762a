"""The routes."""

import asyncio
import contextlib
import json
import mimetypes
import os
import tempfile
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

from .names import disposition, safe_name
from .ranges import NotSatisfiable, parse_range
from .store import Full, Store

FOLDER = os.environ.get("FILES_FOLDER")
MAX_BYTES = int(os.environ.get("FILES_MAX_BYTES") or 1 << 30)
MAX_TOTAL = int(os.environ.get("FILES_MAX_TOTAL") or 10 << 30)
PIECE = 1 << 18  # bytes to write or read at once

PAGE = (Path(__file__).parent / "index.html").read_bytes()
POLICY = b"default-src 'self'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
# What people upload is never run in the name of this site, whatever its type.
UNTRUSTED = [(b"x-content-type-options", b"nosniff"), (b"content-security-policy", b"sandbox")]


class ClientLeft(Exception):
    pass


class TooLarge(Exception):
    pass


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(scope, receive, send)
    if scope["type"] != "http":
        raise NotImplementedError(f"this app does not support {scope['type']}")
    store, method, path = scope["state"]["store"], scope["method"], scope["path"]
    if path.startswith("/files/") and path != "/files/":
        routes = {"GET": download, "HEAD": download, "PUT": upload, "DELETE": delete}
        name = path.removeprefix("/files/")
    else:
        shown = {"/": page, "/files": listing}.get(path)
        if shown is None:
            return await answer(send, 404)
        routes = {"GET": shown, "HEAD": shown}
        name = ""
    if method not in routes:
        return await answer(send, 405, headers=[(b"allow", ", ".join(routes).encode())])
    # Other sites' pages cannot PUT or DELETE here: browsers ask first, and get no permission.
    return await routes[method](store, name, scope, receive, send)


async def lifespan(scope, receive, send):
    await receive()
    with contextlib.ExitStack() as stack:
        folder = FOLDER or stack.enter_context(tempfile.TemporaryDirectory())
        scope["state"]["store"] = Store(Path(folder).resolve(), MAX_TOTAL)
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def page(store, name, scope, receive, send):
    headers = [(b"content-security-policy", POLICY)]
    await answer(send, 200, PAGE, b"text/html; charset=utf-8", headers)


async def listing(store, name, scope, receive, send):
    entries = await asyncio.to_thread(store.entries)
    files = [
        {"name": each.name, "size": each.size, "modified": each.modified, "url": url(each.name)}
        for each in entries
    ]
    await answer_json(send, 200, {"files": files, "max_bytes": MAX_BYTES})


async def upload(store, name, scope, receive, send):
    length = dict(scope["headers"]).get(b"content-length")
    if length and int(length) > MAX_BYTES:
        return await refuse(send, 413, f"larger than {MAX_BYTES} bytes")
    try:
        with await asyncio.to_thread(store.upload) as file:
            await write_body(receive, file)
            name = await asyncio.to_thread(file.finish, safe_name(name))
    except TooLarge:
        return await refuse(send, 413, f"larger than {MAX_BYTES} bytes")
    except Full as error:
        return await refuse(send, 507, str(error))
    except ClientLeft:
        return None
    content = {"name": name, "size": file.size, "url": url(name)}
    return await answer_json(send, 201, content, [(b"location", url(name).encode())])


async def write_body(receive, file):
    """In pieces: a thread for every few kilobytes would cost more than the writing."""
    waiting, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        more = message.get("more_body", False)
        waiting.append(message.get("body", b""))
        size += len(waiting[-1])
        if file.size + size > MAX_BYTES:
            raise TooLarge
        if size >= PIECE or not more:
            await asyncio.to_thread(file.write, b"".join(waiting))
            waiting, size = [], 0


async def delete(store, name, scope, receive, send):
    try:
        await asyncio.to_thread(store.delete, name)
    except FileNotFoundError:
        return await refuse(send, 404, "there is no such file")
    return await answer(send, 204)


async def download(store, name, scope, receive, send):
    try:
        file, entry = await asyncio.to_thread(store.open, name)
    except FileNotFoundError:
        return await refuse(send, 404, "there is no such file")
    with file:
        fields = dict(scope["headers"])
        validators = [
            (b"etag", entry.etag.encode()),
            (b"last-modified", formatdate(entry.modified, usegmt=True).encode()),
            (b"cache-control", b"no-cache"),  # may be kept, and is asked for again
        ]
        if entry.etag.encode() in fields.get(b"if-none-match", b""):
            return await start(send, 304, validators, ends=True)
        try:
            part = chosen_part(fields, entry)
        except NotSatisfiable:  # RFC 9110 15.5.17
            content_range = (b"content-range", b"bytes */%d" % entry.size)
            return await start(send, 416, [content_range, (b"content-length", b"0")], ends=True)
        first, count = part or (0, entry.size)
        headers = [
            *validators,
            *UNTRUSTED,
            (b"accept-ranges", b"bytes"),
            (
                b"content-type",
                (mimetypes.guess_type(name)[0] or "application/octet-stream").encode(),
            ),
            (b"content-disposition", disposition(name)),
            (b"content-length", b"%d" % count),
        ]
        if part:
            text = b"bytes %d-%d/%d" % (first, first + count - 1, entry.size)
            headers.append((b"content-range", text))
        await start(send, 206 if part else 200, headers, ends=scope["method"] == "HEAD")
        if scope["method"] != "HEAD":
            await send_part(scope, send, file, first, count)
    return None


def chosen_part(fields, entry):
    """What the range asks for; None: the whole file."""
    wanted, condition = fields.get(b"range"), fields.get(b"if-range")
    # RFC 9110 13.1.5: of another version of the file a part is of no use.
    if wanted is None or condition not in (None, entry.etag.encode()):
        return None
    return parse_range(wanted, entry.size)


async def send_part(scope, send, file, first, count):
    with contextlib.suppress(OSError):  # the client has left
        if "http.response.zerocopysend" in scope["extensions"]:
            part = {"file": file, "offset": first, "count": count}
            return await send({"type": "http.response.zerocopysend", **part})
        while count:  # on servers without it
            size = min(PIECE, count)
            data = await asyncio.to_thread(os.pread, file.fileno(), size, first)
            if not data:
                return None  # the file has become shorter: the response ends too early
            first, count = first + len(data), count - len(data)
            more = count > 0
            await send({"type": "http.response.body", "body": data, "more_body": more})
    return None


# Answers


def url(name):
    return "/files/" + quote(name)


async def start(send, status, headers, ends=False):
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if ends:
        await send({"type": "http.response.body"})


async def refuse(send, status, error):
    await answer_json(send, status, {"error": error})


async def answer_json(send, status, content, headers=()):
    body = json.dumps(content).encode() + b"\n"
    await answer(send, status, body, b"application/json", headers)


async def answer(send, status, body=b"", content_type=b"text/plain", headers=()):
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *headers,
    ]
    if status == 204:
        headers = []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
