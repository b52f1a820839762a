"""Options of other servers are answered with the one to use."""

import pytest
from serving import fail_to_start

from fastserve.cli import command
from fastserve.foreign import OTHER_MEANING, SERVERS, TABLE, answer

OURS = {param for each in command.params for param in (*each.opts, *each.secondary_opts)}


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["-b", "0.0.0.0:80"], "-b: use --bind"),
        (["--workers-max-rss=512"], "--workers-max-rss: use --worker-max-memory"),
        (["-w", "4"], "-w: use --workers"),
        (["-k", "uvicorn.workers.UvicornWorker"], "-k: remove it; every worker runs an event loop"),
        (["--ssl-certificate", "cert.pem"], "--ssl-certificate: use --ssl-certfile"),
        (["--no-ws"], "--no-ws: use --ws none"),
        (["--quic-bind", "x"], "--quic-bind: fastserve does not speak HTTP/3"),
        (["--http2-max-frame-size", "1"], "--http2-max-frame-size: remove it"),
    ],
)
def test_the_answer_of_the_command(args, line):
    status, lines = fail_to_start("apps:app", *args)
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith(f"fastserve: {line}")


def test_every_answer_is_for_an_option_that_we_have_not():
    for row in TABLE:
        flags = row.flags.split()
        assert flags
        assert not OURS & set(flags), flags
        assert set(row.servers) <= set(SERVERS)
        assert not row.answer.endswith(".")
        for word in row.answer.replace(",", " ").split():
            assert not word.startswith("--") or word in OURS, row
    assert {flag for other in OTHER_MEANING.values() for flag in other} <= OURS


def test_an_option_of_nobody_has_no_answer():
    assert answer("--nope") is None
