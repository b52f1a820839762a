"""The gateway's own answers: HTML for browsers, JSON (RFC 9457) for others."""

import json
from html import escape
from http import HTTPStatus

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{status} {title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 17px/1.6 system-ui, sans-serif; max-width: 34rem }}
body {{ margin: 18vh auto; padding: 0 1.5rem }}
b {{ font-size: 5rem; line-height: 1; letter-spacing: -.04em; opacity: .25 }}
h1 {{ font-size: 1.6rem; margin: .5rem 0 }}
small {{ opacity: .6 }} code {{ overflow-wrap: anywhere }}
</style>
<b>{status}</b><h1>{title}</h1><p>{detail}</p>
<p><small>Request <code>{id}</code></small></p>
</html>
"""


def page(request, status, detail):
    """Headers and body."""
    title = HTTPStatus(status).phrase
    if wants_html(request.fields.get(b"accept", b"")):
        fields = {"status": status, "title": title, "detail": escape(detail), "id": request.id}
        content_type, body = b"text/html; charset=utf-8", PAGE.format(**fields)
    else:
        problem = {"title": title, "status": status, "detail": detail, "request_id": request.id}
        content_type, body = b"application/problem+json", json.dumps(problem) + "\n"
    body = body.encode()
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    return headers, b"" if request.method == "HEAD" else body


def wants_html(accept):
    """Browsers name text/html, and first."""
    names = [part.partition(b";")[0].strip().lower() for part in accept.split(b",")]
    return b"text/html" in names and b"application/json" not in names[: names.index(b"text/html")]
