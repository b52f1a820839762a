"""Clients of examples/push, over WebSocket and over Server-Sent Events."""

import json
from urllib.parse import quote

import httpx
from serving import WAIT
from websockets.sync.client import connect


class Listener:
    """What the two have in common: the events one by one, and the positions reached."""

    def __init__(self):
        self.positions = {}
        self.aside = []

    def next(self, kind):
        """The next event of this kind; others before it are for a later call."""
        for event in self.aside:
            if event["type"] == kind:
                self.aside.remove(event)
                return event
        while (event := self.read_noting())["type"] != kind:
            self.aside.append(event)
        return event

    def read_noting(self):
        event = self.read()
        self.note(event)
        return event

    def note(self, event):
        assert event["type"] != "error", event
        if event["type"] in ("message", "subscribed"):
            self.positions[event["channel"]] = event["id"]

    def texts(self, count):
        return [self.next("message")["text"] for _ in range(count)]

    def until_present(self, *users):
        while sorted(self.next("presence")["users"]) != sorted(users):
            pass


class WebSocket(Listener):
    def __init__(
        self, push, *channels, user="ada", since=None, history=0, presence=False, **options
    ):
        super().__init__()
        url = f"{push.url.replace('http', 'ws', 1)}/ws?user={quote(user)}"
        self.connection = connect(url, proxy=None, **options).__enter__()
        for channel in channels:
            fields = {"channel": channel, "history": history, "presence": presence}
            if since is not None:
                fields["since"] = since[channel]
            self.send("subscribe", **fields)
            self.complete = self.next("subscribed")["complete"]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.connection.__exit__(*error)

    def send(self, kind, **fields):
        self.connection.send(json.dumps({"type": kind, **fields}))

    def read(self):
        return json.loads(self.connection.recv(WAIT))


class EventSource(Listener):
    def __init__(self, push, *channels, user="ada", since=None, history=0, presence=False):
        super().__init__()
        self.last_id = ""
        self.comments = 0
        query = {"channels": ",".join(channels), "user": user, "history": history}
        headers = {}
        if presence:
            query["presence"] = "1"
        if since is not None:
            headers["Last-Event-ID"] = "&".join(f"{name}={at}" for name, at in since.items())
        self.client = httpx.Client(timeout=WAIT, trust_env=False)
        self.stream = self.client.stream("GET", f"{push.url}/events", params=query, headers=headers)
        self.response = self.stream.__enter__()
        assert self.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        self.lines = self.read_lines()
        for _ in channels:
            self.complete = self.next("subscribed")["complete"]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stream.__exit__(None, None, None)
        self.client.close()

    def read_lines(self):
        """Lines end with LF here, not with all that str.splitlines() knows."""
        rest = b""
        for chunk in self.response.iter_raw():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line.decode() for line in lines)

    def read(self):
        data = None
        for line in self.lines:
            name, _, value = line.partition(": ")
            if name == "id":
                self.last_id = value
            elif name == "data":
                data = json.loads(value)
            elif name == "":
                self.comments += bool(value)
                if data is not None:
                    return data
        raise EOFError

    def note(self, event):
        super().note(event)
        if event["type"] == "message":
            # Last-Event-ID is all that a browser keeps.
            assert f"{event['channel']}={event['id']}" in self.last_id.split("&")
