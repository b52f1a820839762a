"""A request to an upstream and its response: deadlines, and retries of what may be retried.

Retried is what the upstream has not seen, and what may be repeated: idempotent methods whose body,
if there is one, was held whole. Nothing is retried once the client has a byte of the response: so
responses of up to 64 KiB are read whole before they are sent.
"""

import asyncio
from time import perf_counter

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from .connection import UpstreamError
from .observe import ATTEMPTS, RETRIES
from .request import WHOLE, ClientGone, end_to_end

UNAVAILABLE = {502, 503, 504}  # of the statuses: worth a try elsewhere


class BadAnswer(UpstreamError):
    """One of UNAVAILABLE, to a request that may be repeated."""

    def __init__(self, response):
        super().__init__(f"it answered {response.status}")
        self.response = response


class Budget:
    """Retries are a share of the requests, or they would multiply the load on what is failing."""

    def __init__(self, share, reserve):
        self.share, self.reserve = share, reserve
        self.left = reserve

    def earn(self):
        self.left = min(self.reserve, self.left + self.share)

    def spend(self):
        RETRIES.inc()
        self.left -= 1


class Response:
    """Of an upstream. Close it."""

    def __init__(self, upstream, request, settings):
        self.upstream = upstream
        self.deadline = request.deadline
        self.settings = settings
        self.status = None
        self.headers = []
        self.body = None  # if it is whole already
        self.connection = None
        self.upload = None  # the task that sends the rest of the request
        upstream.in_flight += 1

    async def parts(self):
        if self.body is not None:
            yield self.body
            return
        while (part := await self.read()) is not None:
            self.connection.expect("the client", self.deadline)  # whose deadlines are the server's
            yield part

    async def read(self):
        idle = self.connection.loop.time() + self.settings.idle_timeout
        self.connection.expect("the next part of the response", min(idle, self.deadline))
        return await self.connection.read()

    def close(self):
        if self.upstream is None:
            return
        self.upstream.in_flight -= 1
        if self.upload is not None and self.upload.done():
            self.upload.exception()  # the connection has failed with it
        elif self.upload is not None:
            self.upload.cancel()
            self.connection.close()
        if self.connection is not None:
            self.upstream.release(self.connection)
        self.upstream = self.connection = None


class Forwarder:
    def __init__(self, upstreams, settings):
        self.upstreams = upstreams
        self.settings = settings
        self.budget = Budget(settings.retry_share, settings.retry_reserve)

    async def forward(self, request, conditions=()):
        """The Response. Raises UpstreamError or ClientGone."""
        self.budget.earn()
        if self.settings.total_timeout:
            request.deadline = asyncio.get_running_loop().time() + self.settings.total_timeout
        await request.begin_body()
        try:
            # tenacity takes longer than the rest of a request: it is for those that failed.
            return await self.attempt(request, conditions)
        except UpstreamError as error:
            if self.settings.attempts < 2 or not self.may_retry(error):
                return answered(error)
        self.budget.spend()  # for the second attempt, on another upstream: it need not wait
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self.settings.attempts - 1),
            wait=wait_random_exponential(self.settings.backoff, max=1),
            retry=retry_if_exception(self.may_retry),
            before_sleep=lambda state: self.budget.spend(),
            reraise=True,
        )
        try:
            return await retrying(self.attempt, request, conditions)
        except UpstreamError as error:
            return answered(error)

    def may_retry(self, error):
        return getattr(error, "retryable", False) and self.budget.left >= 1

    async def attempt(self, request, conditions):
        upstream = self.upstreams.choose(request.tried)
        request.tried.append(upstream)
        response = Response(upstream, request, self.settings)
        upstream.breaker.started()
        start = perf_counter()
        try:
            response.connection = await upstream.acquire()
            await self.exchange(request, response, conditions)
            if response.status in UNAVAILABLE and request.repeatable:
                raise BadAnswer(response)
        except BaseException as error:
            response.close()
            if isinstance(error, UpstreamError):
                upstream.breaker.failed()
                in_time = asyncio.get_running_loop().time() < request.deadline
                error.retryable = in_time and (error.unsent or request.repeatable)
                ATTEMPTS.labels(upstream.name, type(error).__name__).inc()
            raise
        if response.status in UNAVAILABLE:
            upstream.breaker.failed()
        else:
            upstream.breaker.succeeded()
        request.upstream_seconds = perf_counter() - start
        upstream.seconds.observe(request.upstream_seconds)
        upstream.answered.inc()
        return response

    async def exchange(self, request, response, conditions):
        """Send the request; read the head and, if it is small, the body of the response."""
        connection, settings = response.connection, self.settings
        head = request.head_for(response.upstream, conditions)
        if request.streamed:
            connection.begin(request.method, head)
            connection.expect("the request", request.deadline)
            await self.upload_until_head(request, response)
        else:
            connection.begin(request.method, head + request.body)
        first_byte = connection.loop.time() + settings.first_byte_timeout
        connection.expect("the response", min(first_byte, request.deadline))
        head = await connection.read_head()
        response.status, response.headers = head.status, end_to_end(head.headers)
        bodyless = request.method == "HEAD" or head.status in {204, 304}
        if not (bodyless or 0 <= head.content_length <= WHOLE):
            return
        parts = []
        while (part := await response.read()) is not None:
            parts.append(part)
        response.body = b"".join(parts)
        if request.streamed and not response.upload.done():
            return  # it answered before it had the whole request
        response.upstream.release(response.connection)
        response.connection = None

    async def upload_until_head(self, request, response):
        """The body is sent by a task, which goes on while the response comes."""

        async def upload():
            async for part in request.parts():
                response.connection.write(part)
                async with asyncio.timeout(self.settings.idle_timeout):
                    await response.connection.drain()

        response.upload = asyncio.create_task(upload())
        answer = asyncio.create_task(response.connection.readable())
        try:
            await asyncio.wait({response.upload, answer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answer.cancel()
        # An upload that the upstream refused may have an answer: 413 and a closed connection.
        if response.upload.done() and isinstance(response.upload.exception(), ClientGone):
            raise response.upload.exception()


def answered(error):
    """The upstream's own answer, if it gave one; raises the error otherwise."""
    if isinstance(error, BadAnswer) and error.response.body is not None:
        return error.response
    raise error
