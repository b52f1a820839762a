"""examples/pipeline: its parts with bytes of ours, and the whole as clients see it."""

import asyncio
import gzip
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from gil import FREE_THREADED
from serving import WAIT

from examples.pipeline.client import Transfer
from examples.pipeline.decoding import STEP, BadInput, Decoder, Lines
from examples.pipeline.job import ClientLeft, Job, TooLarge, results
from examples.pipeline.sample import orders
from examples.pipeline.transform import MAX_ERRORS, MAX_LINE, Result, transform_batch

ROOT = Path(__file__).parents[2]
ORDER = {
    "id": 7,
    "time": "2026-10-05T12:30:00+02:00",
    "email": " Ann@example.org",
    "amount": "9.95",
}
LINE = json.dumps({**ORDER, "currency": "EUR"}).encode() + b"\n"


def sample(count):
    return "".join(itertools.islice(orders(count), count)).encode()


# The input


def decode(pieces):
    decoder = Decoder()
    found = [piece for data in pieces for piece in decoder.feed(data)]
    return b"".join([*found, *decoder.finish()])


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("data", "content"),
    [
        (b"", b""),
        (b"plain\n", b"plain\n"),
        (b"\x1f", b"\x1f"),
        (gzip.compress(b"one\n"), b"one\n"),
        (gzip.compress(b""), b""),
        (gzip.compress(b"one\n") + gzip.compress(b"") + gzip.compress(b"two\n"), b"one\ntwo\n"),
        (gzip.compress(b"one\n") + bytes(100), b"one\n"),
        (gzip.compress(bytes(STEP)), bytes(STEP)),
        (gzip.compress(bytes(STEP + 1)), bytes(STEP + 1)),
    ],
    ids=["nothing", "plain", "a byte", "gzip", "empty", "members", "padding", "step", "more"],
)
def test_decoding(data, content, size):
    assert decode(data[at : at + size] for at in range(0, len(data), size)) == content


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (gzip.compress(b"one\n")[:-1], "ends too early"),
        (b"\x1f\x8b", "ends too early"),
        (b"\x1f\x8bnonsense", "damaged"),
        (gzip.compress(b"one\n") + b"nonsense", "damaged"),
        (gzip.compress(b"one\n")[:-8] + bytes(8), "damaged"),
    ],
    ids=["cut", "magic", "head", "second", "sum"],
)
def test_what_cannot_be_decoded(data, problem):
    with pytest.raises(BadInput, match=problem):
        decode([data])


def test_a_bomb_comes_in_small_pieces():
    bomb = gzip.compress(bytes(50 << 20))
    decoder = Decoder()
    assert max(len(piece) for piece in decoder.feed(bomb)) == STEP


def cut(pieces):
    lines = Lines()
    batches = [batch for piece in pieces if (batch := lines.feed(piece))]
    last = lines.finish()
    return [*batches, last] if last else batches


def test_batches_end_with_a_line():
    content = sample(5000)
    batches = cut(content[at : at + 1000] for at in range(0, len(content), 1000))
    assert len(batches) > 1
    assert all(batch.endswith(b"\n") for batch in batches)
    assert b"".join(batches) == content


def test_a_long_line_is_cut_and_counted():
    pieces = [b"{}\n", *[b"x" * STEP] * 20, b"\n", LINE]
    batches = cut(pieces)
    assert sum(map(len, batches)) < 2 * MAX_LINE
    result = transform_batch(b"".join(batches))
    assert result.lines == 3
    assert result.errors == [(1, "amount is missing"), (2, f"longer than {MAX_LINE} bytes")]
    assert result.records == 1


# A record


def test_a_record():
    (line,) = transform_batch(LINE).output.splitlines()
    order = json.loads(line)
    customer = order.pop("customer")
    expected = {"id": 7, "time": "2026-10-05T10:30:00+00:00", "cents": 995, "currency": "EUR"}
    assert order == expected
    assert "ann" not in customer
    other = transform_batch(LINE.replace(b" Ann@", b"ANN@")).output
    assert json.loads(other)["customer"] == customer


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON: Expecting property name enclosed in double quotes, column 2"),
        (b"7", "not a JSON object"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "cannot be used (RecursionError)"),
        (b"{}", "amount is missing"),
        (LINE.replace(b'"9.95"', b'"1e999999999"'), "amount must be from 0 to 1000000000000"),
        (LINE.replace(b'"9.95"', b'"nan"'), "amount must be from 0 to 1000000000000"),
        (LINE.replace(b'"9.95"', b'"much"'), "amount is not a number"),
        (LINE.replace(b'" Ann@example.org"', b"[]"), "cannot be used (AttributeError)"),
        (LINE.replace(b"+02:00", b""), "time has no time zone"),
    ],
    ids=range(10),
)
def test_bad_lines(line, reason):
    result = transform_batch(LINE + b"\n" + line.rstrip(b"\n") + b"\n")
    assert (result.records, result.bad, result.lines) == (1, 1, 3)
    assert result.errors == [(3, reason)]


# A job


class FakePool:
    size = 2

    async def transform(self, batch):
        return Result(output=batch, lines=batch.count(b"\n"))


def test_what_is_in_flight_is_bounded():
    """Nobody takes the second result: reading the request stops."""
    content, received = b"x" * (1 << 20) + b"\n", 0

    async def receive():
        nonlocal received
        received += 1
        return {"type": "http.request", "body": content, "more_body": True}

    async def main():
        stream = results(Job("a"), receive, FakePool(), 1 << 40)
        await anext(stream)
        for _ in range(1000):  # turns of the loop
            await asyncio.sleep(0)
        await stream.aclose()

    asyncio.run(main())
    assert received <= 2 * FakePool.size + 5


def collected(messages, limit=1 << 40):
    job = Job("a")

    async def receive():
        return messages.pop(0)

    async def main():
        return [output async for output in results(job, receive, FakePool(), limit)]

    return job, asyncio.run(main())


def test_an_empty_body_has_no_results():
    assert collected([{"type": "http.request"}])[1] == []


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([{"type": "http.disconnect"}], ClientLeft),
        ([{"type": "http.request", "body": b"x" * 101}], TooLarge),
        ([{"type": "http.request", "body": b"\x1f\x8b"}], BadInput),
    ],
)
def test_how_a_job_fails(messages, error):
    with pytest.raises(error):
        collected(messages, limit=100)


# The whole


@pytest.fixture(scope="module")
def pipeline(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    command = serve("examples.pipeline:app", PIPELINE_PROCESSES="2", PIPELINE_FOLDER=str(folder))
    command.folder = folder
    return command


CONTENT = sample(12_345)
EXPECTED = transform_batch(CONTENT)


def job_of(pipeline, name):
    """Empty for one that it does not know yet."""
    # On a connection of its own: the client's may be busy.
    response = httpx.get(f"{pipeline.url}/jobs/{name}", timeout=WAIT, trust_env=False)
    return response.json() if response.status_code == 200 else {}


def test_the_result_streams_back_in_order(pipeline):
    response = pipeline.client.post("/transform", content=gzip.compress(CONTENT))
    assert response.status_code == 200
    assert response.content == EXPECTED.output
    job = job_of(pipeline, response.headers["x-job"])
    assert (job["state"], job["records"], job["bad"]) == ("done", EXPECTED.records, EXPECTED.bad)
    assert (job["lines"], job["decoded"]) == (12_345, len(CONTENT))
    assert job["errors"] == [[line, why] for line, why in EXPECTED.errors]


def test_bad_lines_have_the_numbers_of_the_whole_input(pipeline):
    content = LINE * 9000 + b"{}\n" + LINE * 9000 + b"[]\n" * 30
    response = pipeline.client.post("/transform", content=content)
    job = job_of(pipeline, response.headers["x-job"])
    assert job["errors"][:2] == [[9001, "amount is missing"], [18_002, "not a JSON object"]]
    assert (job["bad"], len(job["errors"])) == (31, MAX_ERRORS)


def test_into_a_file(pipeline):
    response = pipeline.client.put("/transform?to=file&job=kept-file", content=CONTENT)
    job = response.json()
    assert (job["records"], job["result"]) == (EXPECTED.records, "/results/kept-file.jsonl")
    download = pipeline.client.get(job["result"])
    assert download.content == EXPECTED.output
    assert download.headers["content-disposition"] == 'attachment; filename="kept-file.jsonl"'
    head = pipeline.client.head(job["result"])
    assert (head.status_code, head.content) == (200, b"")


def test_into_a_file_and_back(pipeline):
    response = pipeline.client.post("/transform?to=both&job=kept-both", content=CONTENT)
    assert response.content == EXPECTED.output
    assert pipeline.client.get("/results/kept-both.jsonl").content == EXPECTED.output


def test_old_results_go(pipeline):
    for number in range(12):
        pipeline.client.post(f"/transform?to=file&job=numbered-{number:02}", content=LINE)
    kept = sorted(path.name for path in pipeline.folder.iterdir())
    assert kept == [f"numbered-{number:02}.jsonl" for number in range(2, 12)]


def test_progress_as_events(pipeline):
    with pipeline.client.stream("GET", "/jobs/watched-1/events") as events:
        lines = events.iter_lines()
        first = json.loads(next(lines).removeprefix("data: "))
        assert first["state"] == "waiting"
        url = f"{pipeline.url}/transform?job=watched-1"
        httpx.post(url, content=CONTENT, timeout=WAIT, trust_env=False)
        *_, last = [line for line in lines if line]
    job = json.loads(last.removeprefix("data: "))
    assert (job["state"], job["records"]) == ("done", EXPECTED.records)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (gzip.compress(CONTENT)[:-10], "the gzip data ends too early"),
        (b"\x1f\x8b" + CONTENT, "damaged"),
    ],
    ids=["cut", "damaged"],
)
def test_damaged_input(pipeline, content, error):
    response = pipeline.client.post(
        "/transform?to=file&job=" + os.urandom(8).hex(), content=content
    )
    assert response.status_code == 400
    assert error in response.json()["error"]


def test_a_damaged_end_breaks_off_the_response(pipeline):
    content = gzip.compress(CONTENT * 3)[:-10]
    with pytest.raises(httpx.TransportError):
        pipeline.client.post("/transform?job=broken-off", content=content)
    job = job_of(pipeline, "broken-off")
    assert (job["state"], job["error"]) == ("failed", "the gzip data ends too early")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/transform", 405),
        ("POST", "/", 405),
        ("POST", "/transform?to=moon", 400),
        ("POST", "/transform?job=..%2F..%2Fetc", 400),
        ("POST", "/transform?job=kept-file", 409),
        ("GET", "/jobs/unknown-job", 404),
        ("GET", "/results/unknown-job.jsonl", 404),
        ("GET", "/results/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/nothing", 404),
    ],
)
def test_statuses(pipeline, method, path, status):
    assert pipeline.client.request(method, path).status_code == status


def test_the_decoded_input_has_a_limit(serve):
    command = serve("examples.pipeline:app", PIPELINE_MAX_BYTES="10000000")
    bomb = gzip.compress(bytes(100 << 20))
    response = command.client.post("/transform", content=bomb)
    assert response.status_code == 413
    assert response.json()["error"] == "the decoded input is larger than 10000000 bytes"


def memory(pid):
    """The most that this process has had, in bytes."""
    text = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


@linux
@pytest.mark.parametrize("content", [bytes(300 << 20), LINE * 300_000], ids=["bomb", "lines"])
def test_memory_does_not_grow_with_the_input(serve, content):
    command = serve("examples.pipeline:app", PIPELINE_PROCESSES="2")
    assert command.client.post("/transform?to=file", content=LINE).status_code == 200
    before = memory(command.process.pid)
    response = command.client.post("/transform?to=file", content=gzip.compress(content, 1))
    assert response.json()["decoded"] == len(content)
    allowed = 40 if FREE_THREADED else 20  # its allocator uses a freed block again much later
    assert memory(command.process.pid) - before < allowed << 20


def pool_of(command):
    """The processes of its pool."""
    pid = command.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if "spawn_main" in command_line(child)]


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def wait_until(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline


@linux
def test_a_process_of_the_pool_that_dies(serve):
    command = serve("examples.pipeline:app", PIPELINE_PROCESSES="2")

    def content(name):
        yield CONTENT
        wait_until(lambda: job_of(command, name).get("records"))
        os.kill(pool_of(command)[0], signal.SIGKILL)
        yield LINE

    url = "/transform?to=file&job=dying-file"
    response = command.client.post(url, content=content("dying-file"))
    assert response.status_code == 503
    assert response.json()["error"] == "a process of the pool died; try again"
    with pytest.raises(httpx.TransportError):
        command.client.post("/transform?job=dying-stream", content=content("dying-stream"))
    assert job_of(command, "dying-stream")["error"] == "a process of the pool died; try again"
    again = command.client.post("/transform", content=CONTENT)
    assert again.content == EXPECTED.output


@linux
def test_the_pool_ends_with_a_server_that_is_killed(serve):
    command = serve("examples.pipeline:app", PIPELINE_PROCESSES="2")
    command.client.post("/transform", content=CONTENT)
    pool = pool_of(command)
    assert pool
    command.signal(signal.SIGKILL)
    wait_until(lambda: not any("spawn_main" in command_line(pid) for pid in pool))


def test_a_client_that_leaves(pipeline):
    address = ("127.0.0.1", int(pipeline.url.rpartition(":")[2]))
    with socket.create_connection(address, WAIT) as client:
        head = b"POST /transform?to=file&job=left-early HTTP/1.1\r\nHost: a\r\n"
        client.sendall(head + b"Content-Length: 1000000000\r\n\r\n" + CONTENT)
        wait_until(lambda: job_of(pipeline, "left-early").get("records"))
    wait_until(lambda: job_of(pipeline, "left-early")["state"] == "failed")
    assert job_of(pipeline, "left-early")["error"] == "the client left"
    assert not list(pipeline.folder.glob(".*"))


def test_too_many_jobs(serve):
    command = serve("examples.pipeline:app", PIPELINE_PROCESSES="1")
    address = ("127.0.0.1", int(command.url.rpartition(":")[2]))
    clients = []
    for number in range(4):
        client = socket.create_connection(address, WAIT)
        head = b"POST /transform?job=holding-%d HTTP/1.1\r\nHost: a\r\n" % number
        client.sendall(head + b"Content-Length: 10\r\n\r\n")
        clients.append(client)
        wait_until(lambda name=f"holding-{number}": job_of(command, name).get("state") == "running")
    response = command.client.post("/transform", content=LINE)
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    for client in clients:
        client.close()
    wait_until(lambda: command.client.post("/transform", content=LINE).status_code == 200)


# The client


def run_client(*arguments, **options):
    command = [sys.executable, "-m", "examples.pipeline.client", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=WAIT, **options)


def test_the_client(pipeline, tmp_path):
    (tmp_path / "in.gz").write_bytes(gzip.compress(CONTENT))
    done = run_client(str(tmp_path / "in.gz"), "--url", pipeline.url, "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").read_bytes() == EXPECTED.output
    said = done.stderr.decode().splitlines()
    assert said[0].startswith("12,333 records, 12 bad lines of 12,345, in ")
    assert said[1] == f"  line 1000: {EXPECTED.errors[0][1]}"


def test_the_client_with_standard_input_and_output(pipeline):
    done = run_client("-", "--url", pipeline.url, input=CONTENT)
    assert (done.returncode, done.stdout) == (0, EXPECTED.output)


def test_the_client_and_a_file(pipeline):
    done = run_client("-", "--url", pipeline.url, "--to", "file", input=CONTENT)
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"kept as /results/" in done.stderr


def test_the_client_tells_of_a_failure(pipeline):
    done = run_client("-", "--url", pipeline.url, input=gzip.compress(CONTENT)[:-10])
    assert done.returncode == 1
    assert b"failed: the gzip data ends too early" in done.stderr


def test_the_bar():
    transfer = Transfer("http://a", None, 4 << 20, "file")
    transfer.sent = 1 << 20
    bar = transfer.bar({"records": 5000, "seconds": 2.0})
    assert bar.startswith(" 25% █")
    assert bar.endswith("░ 1.0 MiB  5,000 records  2,500/s")
