"""What RFC 9111 lets a shared cache keep, and answer with.

It keeps responses to GET that say how long they are fresh, and those that can be validated. A
response that varies has an entry for each value of the fields that Vary names; a record under the
URL says which these are. What is stale is validated before it is used, with If-None-Match and
If-Modified-Since.
"""

import json
import uuid
from email.utils import formatdate, parsedate_to_datetime
from time import time

STORABLE = {200, 203, 300, 301, 308, 404, 410}
VALIDATE_FOR = 3600  # seconds to keep a stale entry that has a validator
UNCACHED = {b"range", b"content-length", b"transfer-encoding"}  # of the fields of a request
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


class Entry:
    """A response that was kept."""

    def __init__(self, status, headers, body, since, lifetime):
        self.status, self.headers, self.body = status, headers, body
        self.since = since  # when it was new at the origin: now minus its age
        self.lifetime = lifetime  # seconds that it is fresh

    @classmethod
    def unpacked(cls, data):
        head, _, body = data.partition(b"\n")
        status, headers, since, lifetime = json.loads(head)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return cls(status, headers, body, since, lifetime)

    def packed(self):
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers
        ]
        head = json.dumps([self.status, headers, self.since, self.lifetime])
        return head.encode() + b"\n" + self.body

    @property
    def age(self):
        return max(0, time() - self.since)

    def is_fresh_for(self, request):
        """RFC 9111 4.2 and 5.2.1."""
        asked = directives(request.headers)
        if "no-cache" in asked or ((b"pragma", b"no-cache") in request.headers and not asked):
            return False
        left = self.lifetime - self.age
        if left <= seconds(asked, "min-fresh", 0):
            return False
        return self.age <= seconds(asked, "max-age", self.age)

    def conditions(self):
        fields = dict(self.headers)
        names = {b"etag": b"if-none-match", b"last-modified": b"if-modified-since"}
        return [(names[name], fields[name]) for name in names if name in fields]

    def answer_to(self, request):
        """Status, headers and body: 304 if the client has it already (RFC 9110 13.2.2)."""
        headers = [field for field in self.headers if field[0] != b"age"]
        headers.append((b"age", b"%d" % self.age))
        if self.status == 200 and not_modified(request.fields, dict(self.headers)):
            return 304, [field for field in headers if field[0] != b"content-length"], b""
        return self.status, headers, b"" if request.method == "HEAD" else self.body


class Cache:
    def __init__(self, store, settings):
        self.store = store
        self.limit = settings.cache_entry_bytes

    async def find(self, request):
        """The entry for a request, fresh or not."""
        if request.method not in {"GET", "HEAD"} or request.fields.keys() & UNCACHED:
            return None
        if "no-store" in directives(request.headers):
            return None
        record = await self.store.get(key_of(request))
        data = record and await self.store.get(key_of(request, record))
        return Entry.unpacked(data) if data else None

    async def keep(self, request, status, headers, body):
        """Keep a response that `may_keep`."""
        if not any(name == b"date" for name, _ in headers):  # RFC 9110 6.6.1
            headers = [*headers, (b"date", formatdate(usegmt=True).encode())]
        lifetime, since = freshness(headers)
        entry = Entry(status, headers, body, since, lifetime)
        kept_for = max(0, lifetime - entry.age) + (VALIDATE_FOR if entry.conditions() else 0)
        data = entry.packed()
        if kept_for > 0 and len(data) <= self.limit:
            vary = vary_of(headers)
            record = await self.store.get(key_of(request))
            if record is None or record.partition(b" ")[2] != vary:
                # A new name for the variants: what `invalidate` dropped does not come back.
                record = b"%b %b" % (uuid.uuid4().hex.encode(), vary)
            await self.store.set(key_of(request), record, kept_for)
            await self.store.set(key_of(request, record), data, kept_for)

    async def refresh(self, request, entry, headers):
        """The entry after a 304, which may bring newer fields (RFC 9111 3.2)."""
        newer = {name for name, _ in headers} - {b"content-length", b"content-encoding"}
        kept = [field for field in entry.headers if field[0] not in newer]
        entry.headers = kept + [field for field in headers if field[0] in newer]
        entry.lifetime, entry.since = freshness(entry.headers)
        if may_keep(request, entry.status, entry.headers):
            await self.keep(request, entry.status, entry.headers, entry.body)
        return entry

    async def invalidate(self, request, status):
        """RFC 9111 4.4: what an unsafe request has changed is out of date."""
        if request.method in UNSAFE and 200 <= status < 400:
            await self.store.delete(key_of(request))


def may_keep(request, status, headers):
    """RFC 9111 3, for a shared cache."""
    if request.method != "GET" or status not in STORABLE or request.fields.keys() & UNCACHED:
        return False
    names = {name for name, _ in headers}
    given = directives(headers)
    if b"set-cookie" in names or vary_of(headers) == b"*":
        return False
    if "no-store" in directives(request.headers) or given.keys() & {"no-store", "private"}:
        return False
    if b"authorization" in request.fields:  # RFC 9111 3.5
        return bool(given.keys() & {"public", "s-maxage", "must-revalidate"})
    return bool(given.keys() & {"max-age", "s-maxage", "public", "no-cache"} or b"expires" in names)


def freshness(headers):
    """For how many seconds a response is fresh, and since when: RFC 9111 4.2.1 and 4.2.3."""
    given, fields, now = directives(headers), dict(headers), time()
    date = date_of(fields.get(b"date", b"")) or now
    age = fields.get(b"age", b"0")
    age = int(age) if age.isdigit() else 0
    since = min(date, now - age, now)
    if "no-cache" in given:
        lifetime = 0
    elif given.keys() & {"s-maxage", "max-age"}:
        lifetime = seconds(given, "s-maxage", seconds(given, "max-age", 0))
    else:
        expires = date_of(fields.get(b"expires", b""))  # RFC 9111 5.3: invalid is expired
        lifetime = max(0, expires - date) if expires else 0
    return lifetime, since


def directives(headers):
    """Those of Cache-Control, as a dictionary."""
    found = {}
    for name, value in headers:
        if name == b"cache-control":
            for part in value.decode("latin-1").split(","):
                word, _, argument = part.partition("=")
                found[word.strip().lower()] = argument.strip().strip('"')
    return found


def seconds(directives, name, default):
    """An invalid number is 0: stale (RFC 9111 4.2.1)."""
    if name not in directives:
        return default
    digits = directives[name]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 12 else 0


def date_of(value):
    try:
        return parsedate_to_datetime(value.decode("latin-1")).timestamp()
    except ValueError:
        return None


def vary_of(headers):
    """The names in Vary, sorted: b"accept,accept-language"; b"*" if they cannot be known."""
    values = b",".join(value.lower() for name, value in headers if name == b"vary")
    names = sorted({name.strip() for name in values.split(b",")} - {b""})
    return b"*" if b"*" in names else b",".join(names)


def key_of(request, record=None):
    """Of a URL's record; with the record, of the response to the fields of this request."""
    key = b"%b %b%b" % (request.scheme.encode(), request.fields.get(b"host", b""), request.target)
    if record is None:
        return key
    name, _, vary = record.partition(b" ")
    chosen = [
        b",".join(value.strip() for name, value in request.headers if name == wanted)
        for wanted in vary.split(b",")
    ]
    return b"\n".join([key, name, *chosen])


def not_modified(asked, fields):
    """RFC 9110 13.1.2 and 13.1.3: If-None-Match, else If-Modified-Since."""
    if b"if-none-match" in asked:
        tags = [tag.strip().removeprefix(b"W/") for tag in asked[b"if-none-match"].split(b",")]
        return b"*" in tags or fields.get(b"etag", b"-").removeprefix(b"W/") in tags
    since = date_of(asked.get(b"if-modified-since", b""))
    changed = date_of(fields.get(b"last-modified", b""))
    return since is not None and changed is not None and changed <= since
