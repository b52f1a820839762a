"""A trivial fastserve.http, for the tests of what is around it while it does not exist.

It answers each request, with the app's response, and closes; it stands in for the interface in
fastserve/service.py, not for HTTP.
"""

import asyncio
import sys
import types


class Connection(asyncio.Protocol):
    def __init__(self, service):
        self.service = service
        self.task = None
        self.data = b""

    def connection_made(self, transport):
        self.transport = transport
        self.service.connections.add(self)
        if self.service.draining:
            transport.close()

    def connection_lost(self, error):
        self.service.connections.discard(self)
        self.service.check()

    def data_received(self, data):
        self.data += data
        if self.task is None and b"\r\n\r\n" in self.data:
            self.task = self.service.loop.create_task(self.answer())

    async def answer(self):
        service = self.service
        method, target, _ = self.data.split(b"\r\n")[0].decode().split(" ")
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "state": dict(service.state),
        }
        status, body = 500, b""

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            nonlocal status, body
            status = message.get("status", status)
            body += message.get("body", b"")

        service.active += 1
        try:
            await service.app(scope, receive, send)
        except Exception as error:
            body = repr(error).encode()
        finally:
            service.active -= 1
            service.check()
        head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()
        if service.access_log is not None:
            address = self.transport.get_extra_info("peername") or ("", 0)
            client = f"{address[0]}:{address[1]}"
            target = path.encode(), query.encode()
            service.access_log.record(client, method, *target, "1.1", status, len(body), 0)


class Service:
    def __init__(self, app, config, loop, *, state, access_log):
        self.app, self.loop, self.state, self.access_log = app, loop, state, access_log
        self.connections = set()
        self.active = 0
        self.draining = False
        self.closed = asyncio.Event()

    @property
    def idle(self):
        return not self.connections and not self.active

    def connection(self):
        return Connection(self)

    def start(self):
        pass

    stop = start

    def check(self):
        if self.draining and self.idle:
            self.closed.set()

    def drain(self):
        self.draining = True
        for connection in list(self.connections):
            if connection.task is None:
                connection.transport.close()
        self.check()

    def abort(self):
        self.draining = True
        for connection in list(self.connections):
            connection.transport.abort()
            if connection.task is not None:
                connection.task.cancel()
        self.check()

    async def wait_closed(self):
        await self.closed.wait()


module = types.ModuleType("fastserve.http")
module.Service = Service
sys.modules["fastserve.http"] = module
