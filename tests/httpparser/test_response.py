"""Response heads to bytes."""

from typing import Any

import pytest

from httpparser import write_response_head


def test_a_head() -> None:
    fields = [(b"Content-Type", b"text/plain"), (b"x", b""), (b"y", b"\xe9 \t")]
    assert write_response_head(200, fields) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nx: \r\ny: \xe9 \t\r\n\r\n"
    )
    assert write_response_head(404, iter(())) == b"HTTP/1.1 404 Not Found\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "line"),
    [(100, b"100 Continue"), (599, b"599 "), (999, b"999 "), (418, b"418 I'm a Teapot")],
)
def test_reasons(status: int, line: bytes) -> None:
    for _ in range(2):
        assert write_response_head(status, []) == b"HTTP/1.1 " + line + b"\r\n\r\n"
    assert write_response_head(status, [], b"Because") == b"HTTP/1.1 %d Because\r\n\r\n" % status
    assert write_response_head(status, [], reason=b"") == b"HTTP/1.1 %d \r\n\r\n" % status


@pytest.mark.parametrize("status", [-1, 0, 99, 1000, 20000])
def test_a_status_has_three_digits(status: int) -> None:
    for reason in (None, b"OK"):
        with pytest.raises(ValueError, match="three digits"):
            write_response_head(status, [], reason)


@pytest.mark.parametrize("stray", [b"\r", b"\n", b"\0", b"a\r\nSet-Cookie: b"])
def test_values_and_reasons_hold_no_line_ends(stray: bytes) -> None:
    with pytest.raises(ValueError, match="the value of the field b'a' holds CR, LF or NUL"):
        write_response_head(200, [(b"a", b"b" + stray)])
    with pytest.raises(ValueError, match="the reason holds CR, LF or NUL"):
        write_response_head(200, [], b"OK" + stray)


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\n", b"\xe9", b"a\0", b"(a)", b" a"])
def test_names_are_tokens(name: bytes) -> None:
    with pytest.raises(ValueError, match="token"):
        write_response_head(200, [(name, b"b")])


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [(None, b"a")],
        [(b"a", None)],
        [("a", b"b")],
        [(b"a", "b")],
        [(b"a", bytearray(b"b"))],
        [b"a"],
    ],
)
def test_fields_are_pairs_of_bytes(headers: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        write_response_head(200, headers)


def test_a_large_head() -> None:
    fields = [(b"x-%d" % number, b"y" * number) for number in range(1000)]
    head = write_response_head(200, fields)
    assert head.count(b"\r\n") == 1002
    assert len(head) == 17 + sum(len(name) + len(value) + 4 for name, value in fields) + 2
