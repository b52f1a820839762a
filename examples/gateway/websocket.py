"""WebSockets passed on: messages, close codes and backpressure in both directions."""

import asyncio
from time import perf_counter

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from . import observe
from .connection import UpstreamError
from .pages import page
from .request import Request, end_to_end

MAX_MESSAGE = 16 << 20
NOT_SENT = {1005, 1006, 1015}  # RFC 6455 7.4.1: these codes are never on the wire


async def pass_on(gateway, scope, receive, send):
    request = Request(scope, receive)
    start, problem = perf_counter(), ""
    await receive()  # websocket.connect
    try:
        if await gateway.limit.take(request.client):
            status = 429
            await refuse(send, status, *page(request, status, "Too many requests."))
        else:
            status = await bridge(gateway, request, scope["subprotocols"], send)
    except UpstreamError as error:
        status, problem = error.status, str(error)
        await refuse(send, status, *page(request, status, "The service is not available."))
    except OSError:  # ASGI: send raises it once the client has gone
        status = 499
    observe.REQUESTS.labels(status).inc()
    if gateway.settings.log:
        observe.log_request(request, status, perf_counter() - start, None, problem)


async def bridge(gateway, request, subprotocols, send):
    """Returns the status of the handshake."""
    try:
        upstream, connection = await open_connection(gateway, request, subprotocols)
    except InvalidStatus as refusal:
        given = refusal.response
        headers = [
            (name.lower().encode(), value.encode()) for name, value in given.headers.raw_items()
        ]
        await refuse(send, given.status_code, end_to_end(headers), given.body)
        return given.status_code
    upstream.in_flight += 1
    try:
        await send({"type": "websocket.accept", "subprotocol": connection.subprotocol})
        tasks = [
            asyncio.create_task(client_to_upstream(request.receive, connection)),
            asyncio.create_task(upstream_to_client(connection, send)),
        ]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()
    except OSError:  # the client has gone
        pass
    finally:
        upstream.in_flight -= 1
        connection.transport.abort()  # does nothing after a regular close
    return 101


async def open_connection(gateway, request, subprotocols):
    """The upstream that takes it, and the connection. Another one is tried if the first fails."""
    settings, budget = gateway.settings, gateway.forwarder.budget
    budget.earn()
    while True:
        upstream = gateway.upstreams.choose(request.tried)
        request.tried.append(upstream)
        upstream.breaker.started()
        try:
            connection = await handshake(settings, upstream, request, subprotocols)
        except InvalidStatus:  # it is there, and says no
            upstream.breaker.succeeded()
            raise
        except (InvalidHandshake, OSError, EOFError) as error:  # TimeoutError is an OSError
            upstream.breaker.failed()
            if len(request.tried) >= settings.attempts or budget.left < 1:
                raise UpstreamError(f"the WebSocket cannot be opened: {error!r}") from None
            budget.spend()
        else:
            upstream.breaker.succeeded()
            return upstream, connection


class Handshake(connect):
    def process_redirect(self, exc):
        """A redirect is for the client."""
        return exc


def handshake(settings, upstream, request, subprotocols):
    passed = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request.passed_fields()
        if not name.startswith(b"sec-websocket-")
    ]
    return Handshake(
        f"{'wss' if upstream.ssl else 'ws'}://{upstream.name}{request.target.decode('latin-1')}",
        additional_headers=passed,
        subprotocols=subprotocols or None,
        ssl=upstream.ssl,
        proxy=None,
        user_agent_header=None,
        compression=None,  # the upstream is near
        max_size=MAX_MESSAGE,
        max_queue=4,  # then the upstream waits
        open_timeout=settings.first_byte_timeout,
        close_timeout=settings.connect_timeout,
    )


async def client_to_upstream(receive, connection):
    while (message := await receive())["type"] != "websocket.disconnect":
        text = message.get("text")
        try:
            await connection.send(message["bytes"] if text is None else text)
        except ConnectionClosed:
            await asyncio.Event().wait()  # the other direction tells the client, and ends this
    code = message.get("code", 1005)
    if code in NOT_SENT - {1005}:
        connection.transport.abort()  # the client was lost, and so is this connection
    else:
        await connection.close(1000 if code == 1005 else code, message.get("reason") or "")


async def upstream_to_client(connection, send):
    try:
        while True:
            data = await connection.recv()
            kind = "text" if isinstance(data, str) else "bytes"
            await send({"type": "websocket.send", kind: data})
    except ConnectionClosed as closed:
        code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1014, "")
        code = 1000 if code == 1005 else code  # 1014: bad gateway
        await send({"type": "websocket.close", "code": code, "reason": reason})


async def refuse(send, status, headers, body):
    start = {"type": "websocket.http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": body})
