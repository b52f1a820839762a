"""Whole requests: one object for a head, its body and its trailer fields."""

import gc
import sys

import pytest
from messages import splits

from httpparser import (
    ContentTooLarge,
    HttpParserError,
    IncompleteMessage,
    Limits,
    RequestHead,
    WholeRequest,
    WholeRequestParser,
)

GET = b"GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n"
)
EXPECT = b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"


def test_one_object_has_everything():
    (request,) = WholeRequestParser().feed(POST)
    assert isinstance(request, WholeRequest)
    assert isinstance(request, RequestHead)
    assert (request.method, request.target, request.version) == ("POST", b"/", "1.1")
    assert request.headers == [(b"host", b"a"), (b"content-length", b"5")]
    assert request.body == b"hello"
    assert request.trailer_fields is None
    assert repr(request) == "<WholeRequest POST b'/' HTTP/1.1, 5 bytes>"


@pytest.mark.parametrize(
    ("message", "body", "fields"),
    [(GET, b"", None), (POST, b"hello", None), (CHUNKED, b"hello", [(b"x-sum", b"1")])],
)
def test_however_the_input_is_cut(message, body, fields):
    for pieces in splits(message * 2):
        parser = WholeRequestParser()
        found = [request for piece in pieces for request in parser.feed(piece)]
        assert [(each.body, each.trailer_fields) for each in found] == [(body, fields)] * 2


def test_several_requests_of_one_piece():
    found = WholeRequestParser().feed(GET + POST + CHUNKED + GET)
    assert [each.body for each in found] == [b"", b"hello", b"hello", b""]
    assert found[0].query == b"b"


def test_a_pause_after_each_request():
    parser = WholeRequestParser(pause=True)
    assert len(parser.feed(GET + POST)) == 1
    assert parser.paused
    assert [each.body for each in parser.resume()] == [b"hello"]


def test_bodies_are_limited_without_being_asked_to():
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    with pytest.raises(ContentTooLarge):
        WholeRequestParser().feed(head % (1048577))
    assert WholeRequestParser().feed(head % 1048576 + bytes(1048576))[0].body == bytes(1048576)
    assert WholeRequestParser(limits=Limits()).feed(head % 1048577 + bytes(1048577))
    with pytest.raises(ContentTooLarge):
        WholeRequestParser(limits=Limits(body=4)).feed(CHUNKED)


def test_many_small_chunks_cost_what_the_body_costs():
    parser = WholeRequestParser()
    head, _, _ = CHUNKED.partition(b"\r\n\r\n")
    parser.feed(head + b"\r\n\r\n")
    before = sys.getallocatedblocks()
    parser.feed(b"1\r\na\r\n" * 100_000)
    assert sys.getallocatedblocks() - before < 1000
    assert parser.feed(b"0\r\n\r\n")[0].body == b"a" * 100_000


def test_the_client_waits_for_100_continue():
    parser = WholeRequestParser()
    assert parser.feed(EXPECT) == []
    assert parser.expect_continue
    assert parser.feed(b"a") == []
    assert not parser.expect_continue
    assert parser.feed(b"b")[0].body == b"ab"
    assert not parser.expect_continue


def test_errors_have_the_requests_before_them():
    parser = WholeRequestParser()
    with pytest.raises(HttpParserError) as caught:
        parser.feed(POST + b"GET /\r\n\r\n")
    assert [each.body for each in caught.value.events] == [b"hello"]
    parser.reset()
    assert len(parser.feed(GET)) == 1


def test_the_input_ends_inside_a_body_and_reset_forgets_it():
    parser = WholeRequestParser()
    parser.feed(POST[:-2])
    with pytest.raises(IncompleteMessage):
        parser.feed_eof()
    parser.reset()
    assert [each.body for each in parser.feed(CHUNKED)] == [b"hello"]
    assert parser.feed_eof() == []


def test_attributes_are_read_only_and_collected():
    (request,) = WholeRequestParser().feed(CHUNKED)
    for name in ("body", "trailer_fields", "method"):
        with pytest.raises(AttributeError):
            setattr(request, name, None)
    assert request in gc.get_referrers(request.headers)
    assert WholeRequest("GET", b"/", "1.1", [(b"host", b"a")]).body == b""
