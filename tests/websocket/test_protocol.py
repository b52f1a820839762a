"""The sans-IO protocol against every case, and what it writes."""

import pytest

from fastserve.websocket import Protocol, ProtocolError, negotiate
from fastserve.websocket.handshake import extensions

from .cases import CASES, MAX_FRAGMENTS, MAX_SIZE, Case, Event


def protocol(case: Case) -> Protocol:
    agreed = negotiate(extensions(case.extension))
    return Protocol(
        max_size=MAX_SIZE, max_fragments=MAX_FRAGMENTS, deflate=agreed[0] if agreed else None
    )


def events(protocol: Protocol, pieces: list[bytes]) -> list[Event]:
    seen: list[Event] = []
    for piece in pieces:
        protocol.feed(piece)
        try:
            while (event := protocol.next_event()) is not None:
                seen.append(event)
        except ProtocolError as error:
            seen.append(error.code)
    return seen


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_whole(case: Case) -> None:
    assert events(protocol(case), [case.data]) == list(case.events)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_byte_by_byte(case: Case) -> None:
    pieces = [case.data[i : i + 1] for i in range(len(case.data))]
    assert events(protocol(case), pieces) == list(case.events)


@pytest.mark.parametrize("case", [c for c in CASES if len(c.data) < 300], ids=lambda case: case.id)
def test_split_at_each_point(case: Case) -> None:
    for at in range(1, len(case.data)):
        assert events(protocol(case), [case.data[:at], case.data[at:]]) == list(case.events)


def test_there_are_at_least_120_cases_with_distinct_ids() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 120
