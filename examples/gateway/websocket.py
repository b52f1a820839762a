"""WebSockets passed on: messages, close codes and backpressure in both directions."""

import asyncio
import logging
from time import perf_counter

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from . import observe
from .connection import UpstreamError
from .pages import page
from .request import Request

logger = logging.getLogger("gateway")

MAX_MESSAGE = 16 << 20
NOT_SENT = {1004, 1005, 1006, 1015}  # RFC 6455 7.4.1: never on the wire


async def pass_on(gateway, scope, receive, send):
    request = Request(scope, receive)
    start = perf_counter()
    await receive()  # websocket.connect
    problem = ""
    try:
        status = await bridge(gateway, request, scope["subprotocols"], receive, send)
    except UpstreamError as error:
        status, problem = error.status, str(error)
        await refuse(send, request, status, "The service behind this gateway is not available.")
    except OSError:
        status = 499
    observe.REQUESTS.labels(status).inc()
    if gateway.settings.log:
        observe.log_request(request, status, perf_counter() - start, None, problem)


async def bridge(gateway, request, subprotocols, receive, send):
    """Returns the status of the handshake."""
    if await gateway.limit.take(request.client):
        await refuse(send, request, 429, "Too many requests from your address.")
        return 429
    upstream = gateway.upstreams.choose()
    request.tried.append(upstream)
    upstream.breaker.started()
    try:
        connection = await open_connection(gateway.settings, upstream, request, subprotocols)
    except InvalidStatus as refusal:
        upstream.breaker.succeeded()  # it is there, and says no
        response = refusal.response
        await refuse(send, request, response.status_code, response.reason_phrase)
        return response.status_code
    except (InvalidHandshake, OSError, EOFError) as error:  # TimeoutError is an OSError
        upstream.breaker.failed()
        raise UpstreamError(f"the WebSocket cannot be opened: {error!r}") from None
    upstream.breaker.succeeded()
    upstream.in_flight += 1
    try:
        await send({"type": "websocket.accept", "subprotocol": connection.subprotocol})
        tasks = [
            asyncio.create_task(client_to_upstream(receive, connection)),
            asyncio.create_task(upstream_to_client(connection, send)),
        ]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()
    except OSError:  # ASGI: send raises it once the client has gone
        pass
    finally:
        upstream.in_flight -= 1
        connection.transport.abort()  # in vain after a regular close
    return 101


def open_connection(settings, upstream, request, subprotocols):
    scheme = "wss" if upstream.ssl else "ws"
    passed = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request.passed_fields()
        if not name.startswith(b"sec-websocket-")
    ]
    return connect(
        f"{scheme}://{upstream.name}{request.target.decode('latin-1')}",
        additional_headers=passed,
        subprotocols=subprotocols or None,
        ssl=upstream.ssl,
        proxy=None,
        user_agent_header=None,
        compression=None,  # the upstream is near
        max_size=MAX_MESSAGE,
        max_queue=4,  # then the upstream waits
        open_timeout=settings.connect_timeout + settings.first_byte_timeout,
        close_timeout=settings.connect_timeout,
    )


async def client_to_upstream(receive, connection):
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            code = message.get("code") or 1005
            if code in NOT_SENT and code != 1005:
                connection.transport.abort()  # the client was lost: so is this connection
            else:
                await connection.close(1000 if code == 1005 else code, message.get("reason") or "")
            return
        try:
            data = message.get("text")
            await connection.send(message["bytes"] if data is None else data)
        except ConnectionClosed:
            await asyncio.Event().wait()  # the other direction tells the client


async def upstream_to_client(connection, send):
    try:
        while True:
            data = await connection.recv()
            key = "text" if isinstance(data, str) else "bytes"
            await send({"type": "websocket.send", key: data})
    except ConnectionClosed as closed:
        code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1014, "")
        code = 1000 if code == 1005 else code  # RFC 6455 7.4.2; 1014: bad gateway
        await send({"type": "websocket.close", "code": code, "reason": reason})


async def refuse(send, request, status, detail):
    headers, body = page(request, status, detail)
    start = {"type": "websocket.http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": body})
