"""Field compression: RFC 7541."""

from hpack import Encoder

from .cases import Answer, Case, Ended, until_over
from .frames import (
    COMPRESSION_ERROR,
    GET,
    HEADER_TABLE_SIZE,
    added,
    block,
    continuation,
    headers,
    indexed,
    integer,
    literal,
    string,
    table_size,
)  # fmt: skip
from .framing import ended

BLOCK = block(GET)
SCOPE = [("fields",), ("read",), ("reply",)]


def wrong(id, asks, payload, **more):  # noqa: A002
    return ended(f"rfc7541-{id}", asks, COMPRESSION_ERROR, headers(1, payload), **more)


def right(id, asks, payload, *fields, **more):  # noqa: A002
    """These fields besides those of GET."""
    return Case(id=f"rfc7541-{id}", asks=asks, script=SCOPE, sends=[headers(1, payload)],
                journals=[[list(fields), b""]], **more)  # fmt: skip


def several(id, asks, *payloads, last, **more):  # noqa: A002
    """One request after the other; the fields of the last one."""
    streams = range(1, 2 * len(payloads), 2)
    sends = []
    for stream, payload in zip(streams, payloads, strict=True):
        sends += [headers(stream, payload), until_over(stream)]
    paths = {"/": [("read",), ("reply",)], "/last": SCOPE}
    return Case(id=f"rfc7541-{id}", asks=asks, script=paths, sends=sends,
                journals=[[b""]] * (len(payloads) - 1) + [[last, b""]],
                expects=[Answer(stream) for stream in streams], **more)  # fmt: skip


LAST = BLOCK[: -len(literal(b":path", b"/"))] + literal(b":path", b"/last")
FULL = Encoder().encode([*GET, (b"x-a", b"b")], huffman=True)
FIELD = (b"x-a", b"b")
HUFFMAN_A = b"\x1f"  # "a", filled up with ones
LARGE = b"v" * 4100  # does not fit into a table of 4,096 bytes

REPRESENTATIONS = [
    right("6.1-static", "fields of the static table",
          indexed(2) + indexed(6) + indexed(4) + literal(1, b"h")),
    right("6.1-static-name", "names of the static table", BLOCK + literal(58, b"agent"),
          (b"user-agent", b"agent")),
    right("6.1-static-last", "up to the last one", BLOCK + literal(61, b"a"),
          (b"www-authenticate", b"a")),
    right("6.1-static-empty", "and values of it that are empty", BLOCK + indexed(19),
          (b"accept", b"")),
    right("6.1-static-encoding", "or not", BLOCK + indexed(16),
          (b"accept-encoding", b"gzip, deflate")),
    right("6.2.1-added", "a literal that enters the table", BLOCK + added(*FIELD), FIELD),
    right("6.2.1-added-and-used", "and is used in the same block",
          BLOCK + added(*FIELD) + indexed(62), FIELD, FIELD),
    right("6.2.1-name-of-an-entry", "its name too", BLOCK + added(*FIELD) + literal(62, b"c"),
          FIELD, (b"x-a", b"c")),
    right("6.2.2-not-added", "a literal that does not", BLOCK + literal(*FIELD), FIELD),
    right("6.2.3-never", "one that never may", BLOCK + literal(*FIELD, first=0x10), FIELD),
    right("6.2.3-never-named", "with a name of the table", BLOCK + literal(58, b"a", first=0x10),
          (b"user-agent", b"a")),
    right("5.1-padded-integer", "a number may have zeros at its end",
          BLOCK + b"\0" + b"\x7f\x80\x80\0" + b"x" * 127 + string(b"a"), (b"x" * 127, b"a"),
          choice=True),
    right("5.2-huffman", "strings may be Huffman codes", FULL, FIELD),
    right("5.2-huffman-empty", "of no byte", BLOCK + b"\0" + string(b"x") + b"\x80", (b"x", b"")),
    right("5.2-huffman-value", "filled up with ones",
          BLOCK + b"\0" + string(b"x") + b"\x81" + HUFFMAN_A, (b"x", b"a")),
    right("5.2-long", "strings of some length", BLOCK + literal(b"x" * 300, b"v" * 3000),
          (b"x" * 300, b"v" * 3000)),
    wrong("6.1-index-zero", "there is no index 0", BLOCK + b"\x80"),
    wrong("6.1-index-absent", "nor one above the tables", BLOCK + indexed(62)),
    wrong("6.1-index-far", "however far", BLOCK + indexed(100_000)),
    wrong("6.1-index-second", "also when there is one entry", BLOCK + added(*FIELD) + indexed(63)),
    wrong("6.2.1-name-absent", "nor a name", BLOCK + added(62, b"a")),
    wrong("6.2.2-name-absent", "in other literals", BLOCK + literal(70, b"a")),
    wrong("6.2.3-name-absent", "of any kind", BLOCK + literal(70, b"a", first=0x10)),
    wrong("5.1-integer-overflow", "a number has an end", BLOCK + b"\xff" + b"\xff" * 12 + b"\1"),
    wrong("5.1-integer-cut", "within the block", BLOCK + b"\xff\x80"),
    wrong("5.1-index-of-64-bits", "and is an index",
          BLOCK + b"\xff" + b"\x80" * 9 + b"\1"),
    wrong("5.2-length-cut", "a string too", BLOCK + b"\0\1x\x7f"),
    wrong("5.2-string-cut", "with all of its bytes", BLOCK + b"\0\1x\5ab"),
    wrong("5.2-string-huge", "whatever it says of its length",
          BLOCK + b"\0\1x" + integer(1 << 28, 7) + b"abc"),
    wrong("5.2-padding-zeros", "a Huffman code is filled up with ones",
          BLOCK + b"\0\1x\x81\x18"),
    wrong("5.2-padding-long", "fewer than eight of them", BLOCK + b"\0\1x\x82\x1f\xff"),
    wrong("5.2-padding-only", "and not with nothing else", BLOCK + b"\0\1x\x81\xff"),
    wrong("5.2-end-of-string", "the code for the end of a string does not stand in it",
          BLOCK + b"\0\1x\x84\xff\xff\xff\xff"),
    wrong("2-literal-without-value", "a literal has a value", BLOCK + b"\0\1x"),
]  # fmt: skip
TABLE = [
    several("2.3.2-later", "the table lives as long as the connection",
            BLOCK + added(*FIELD), LAST + indexed(62), last=[FIELD]),
    several("2.3.3-order", "the newest entry has the lowest index",
            BLOCK + added(*FIELD) + added(b"x-c", b"d"), LAST + indexed(62) + indexed(63),
            last=[(b"x-c", b"d"), FIELD]),
    several("4.3-emptied", "a size of 0 empties the table, and a larger one fills it again",
            BLOCK + added(b"x-old", b"1"), table_size(0) + table_size(4096) + BLOCK + added(*FIELD),
            LAST + indexed(62), last=[FIELD]),
    several("4.4-evicted", "old entries make room for new ones",
            BLOCK + added(b"x-old", b"v" * 2000), BLOCK + added(b"x-next", b"v" * 2000),
            BLOCK + added(*FIELD), LAST + indexed(62), last=[FIELD]),
    several("4.4-too-large", "an entry larger than the table empties it, which is no error",
            BLOCK + added(b"x-old", b"1"), BLOCK + added(b"x", LARGE), BLOCK + added(*FIELD),
            LAST + indexed(62), last=[FIELD]),
    several("4.4-name-of-the-evicted", "an entry may take its name from the one it evicts",
            BLOCK + added(b"x-a", b"v" * 3000), LAST + added(62, b"w" * 3000),
            last=[(b"x-a", b"w" * 3000)]),
    several("6.3-smaller", "a client may use less of the table",
            table_size(100) + BLOCK + added(*FIELD), LAST + indexed(62), last=[FIELD]),
    right("6.3-largest", "or all of it", table_size(4096) + BLOCK),
    right("6.3-twice", "and say so twice", table_size(0) + table_size(4096) + BLOCK),
    wrong("6.3-too-large", "but not more than SETTINGS allow", table_size(1 << 20) + BLOCK),
    wrong("4.2-update-later", "and at the beginning of a block", BLOCK + table_size(100)),
    wrong("4.2-update-between", "not between fields", BLOCK[: len(literal(*GET[0]))] + table_size(0) + BLOCK[len(literal(*GET[0])) :]),
    Case(id="rfc7541-4.4-evicted-index", asks="an entry that was evicted has no index",
         sends=[headers(1, BLOCK + added(b"x", b"1") + added(b"y", b"v" * 4030)),
                headers(3, BLOCK + indexed(63))], expects=[Ended(COMPRESSION_ERROR)]),
    Case(id="rfc7541-4.3-emptied-index", asks="nor has one of an emptied table",
         sends=[headers(1, BLOCK + added(*FIELD)),
                headers(3, table_size(0) + BLOCK + indexed(62))],
         expects=[Ended(COMPRESSION_ERROR)]),
    Case(id="rfc7541-2.2-own-tables", asks="the server's table is another one",
         client={HEADER_TABLE_SIZE: 0}, script=SCOPE, journals=[[[FIELD], b""]] * 2,
         sends=[headers(1, BLOCK + added(*FIELD)), headers(3, BLOCK + indexed(62))],
         expects=[Answer(), Answer(3)]),
    Case(id="rfc7541-2.3.2-continued", asks="entries of CONTINUATION count too", script=SCOPE,
         sends=[headers(1, BLOCK, done=False), continuation(1, added(*FIELD) + indexed(62))],
         journals=[[[FIELD, FIELD], b""]]),
]  # fmt: skip
CASES = [*REPRESENTATIONS, *TABLE]
