"""The routes."""

import asyncio
import contextlib
import json
import logging
import os
import re
import secrets
import tempfile
from pathlib import Path
from urllib.parse import parse_qs

from .decoding import BadInput
from .job import ClientLeft, Job, TooLarge, results
from .pool import Pool, WorkerDied
from .results import CannotKeep, Results

PROCESSES = int(os.environ.get("PIPELINE_PROCESSES") or os.cpu_count() or 1)
FOLDER = os.environ.get("PIPELINE_FOLDER")  # else a temporary one
MAX_BYTES = int(os.environ.get("PIPELINE_MAX_BYTES") or 64 << 30)
MAX_RUNNING = 4  # jobs at once: each holds some batches in memory
MAX_JOBS = 100  # whose progress is remembered
EVENT_SECONDS = 0.2
WAIT_SECONDS = 60  # for the request of a job that somebody already watches

PAGE = (Path(__file__).parent / "index.html").read_bytes()
JOB_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
STATUS = {BadInput: 400, TooLarge: 413, WorkerDied: 503, CannotKeep: 507}
POLICY = b"default-src 'self'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

logger = logging.getLogger("fastserve.pipeline")


class Pipeline:
    """What the requests of one server process share."""

    def __init__(self, folder: Path) -> None:
        self.pool = Pool(PROCESSES)
        self.results = Results(folder)
        self.jobs: dict[str, Job] = {}

    def job(self, name: str) -> Job:
        """The job of this name, which may be yet to come."""
        if name not in self.jobs:
            self.jobs[name] = Job(name)
            if len(self.jobs) > MAX_JOBS:
                self.forget_oldest()
        return self.jobs[name]

    def forget_oldest(self) -> None:
        name = next(name for name, job in self.jobs.items() if job.state != "running")
        del self.jobs[name]

    @property
    def running(self) -> int:
        return sum(job.state == "running" for job in self.jobs.values())


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(scope, receive, send)
    if scope["type"] != "http":
        raise NotImplementedError(f"this app does not support {scope['type']}")
    pipeline, method, path = scope["state"]["pipeline"], scope["method"], scope["path"]
    if path == "/transform":
        if method in ("POST", "PUT"):
            return await transform(pipeline, scope, receive, send)
        return await answer(send, 405, headers=[(b"allow", b"POST, PUT")])
    if method not in ("GET", "HEAD"):
        return await answer(send, 405, headers=[(b"allow", b"GET, HEAD")])
    if path == "/":
        policy = (b"content-security-policy", POLICY)
        return await answer(send, 200, PAGE, b"text/html; charset=utf-8", [policy])
    _, kind, name, *rest = (*path.split("/"), "", "")
    name = name.removesuffix(".jsonl") if kind == "results" else name
    if JOB_ID.fullmatch(name):
        if kind == "jobs" and rest[0] == "events":
            return await events(pipeline.job(name), receive, send)
        if kind == "jobs" and name in pipeline.jobs:
            return await answer_json(send, 200, pipeline.jobs[name].shown())
        if kind == "results" and (file := pipeline.results.path(name)).exists():
            return await download(file, scope, send)
    return await answer(send, 404)


async def lifespan(scope, receive, send):
    await receive()
    with contextlib.ExitStack() as stack:
        folder = FOLDER or stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder).mkdir(parents=True, exist_ok=True)
        pipeline = scope["state"]["pipeline"] = Pipeline(Path(folder))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await pipeline.pool.close()
    await send({"type": "lifespan.shutdown.complete"})


# A job


async def transform(pipeline, scope, receive, send):
    query = parse_qs(scope["query_string"].decode("latin-1"))
    name = query.get("job", [secrets.token_hex(8)])[0]
    to = query.get("to", ["response"])[0]
    if not JOB_ID.fullmatch(name):
        return await refuse(send, 400, "job must be 8 to 64 letters, digits and hyphens")
    if to not in ("response", "file", "both"):
        return await refuse(send, 400, "to must be response, file or both")
    if pipeline.running >= MAX_RUNNING:
        return await refuse(send, 503, "too many jobs are running", [(b"retry-after", b"5")])
    job = pipeline.job(name)
    if job.state != "waiting":
        return await refuse(send, 409, "there is a job of that name")
    length = dict(scope["headers"]).get(b"content-length")
    job.begin(int(length) if length else None)
    output = Output(job, send, streams=to != "file")
    try:
        await run(pipeline, job, receive, output, keeps=to != "response")
    except tuple(STATUS) as error:
        job.end(str(error))
        logger.warning("Job %s failed: %s", job.id, error)
        if not output.started:
            await refuse(send, STATUS[type(error)], str(error))
        # Else the response ends without its end, so that nobody takes it for whole.
    except (ClientLeft, OSError):
        job.end("the client left")
        logger.info("Job %s: the client left", job.id)
    finally:
        if job.state == "running":
            job.end("the server stopped or failed")
    return None


async def run(pipeline, job, receive, output, keeps):
    async with contextlib.AsyncExitStack() as stack:
        file = None
        if keeps:
            file = await stack.enter_async_context(await pipeline.results.write(job.id))
        stream = results(job, receive, pipeline.pool, MAX_BYTES)
        await stack.enter_async_context(contextlib.aclosing(stream))
        async for data in stream:
            if file is not None:
                await file.write(data)
            await output.write(data)
        if file is not None:
            await file.finish()
            job.result = f"/results/{job.id}.jsonl"
        job.end()
        await output.finish()


class Output:
    """The response: the records if it streams, else the counts at the end."""

    def __init__(self, job, send, streams):
        self._job, self._send, self._streams = job, send, streams
        self.started = False

    async def write(self, data):
        if self._streams:
            await self._start()
            # Waits while the client reads slowly; so does all that comes before.
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self):
        if self._streams:
            await self._start()
            await self._send({"type": "http.response.body"})
        else:
            self.started = True
            await answer_json(self._send, 200, self._job.shown())

    async def _start(self):
        """With the first result: until then the status can still tell of an error."""
        if not self.started:
            self.started = True
            headers = [
                (b"content-type", b"application/x-ndjson"),
                (b"x-job", self._job.id.encode()),
            ]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})


async def events(job, receive, send):
    """Its progress until it has ended, or the client has left."""
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    leaving = asyncio.create_task(until_left(receive))
    try:
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while not leaving.done():
            event = f"data: {json.dumps(job.shown())}\n\n".encode()
            await send({"type": "http.response.body", "body": event, "more_body": True})
            late = asyncio.get_running_loop().time() > deadline
            if job.ended or (job.state == "waiting" and late):
                return await send({"type": "http.response.body"})
            await asyncio.wait({leaving}, timeout=EVENT_SECONDS)
    except OSError:
        pass  # the client has left
    finally:
        leaving.cancel()
    return None


async def until_left(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


# Answers


async def download(file, scope, send):
    headers = [
        (b"content-type", b"application/x-ndjson"),
        (b"content-disposition", f'attachment; filename="{file.name}"'.encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["method"] == "HEAD":
        return await send({"type": "http.response.body"})
    return await send({"type": "http.response.pathsend", "path": str(file.absolute())})


async def refuse(send, status, error, headers=()):
    await answer_json(send, status, {"error": error}, headers)


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
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
