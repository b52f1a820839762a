"""The same fault many times: its first records in full, then how many more there were."""

import logging

import pytest

from fastserve import repeats
from fastserve.repeats import FIRST, MAY_REPEAT, MOST_FAULTS, SECONDS, Repeats


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limit(clock):
    """A logger of its own, and what it lets pass."""
    limit = Repeats(clock)
    logger = logging.getLogger("fastserve.test_repeats")
    logger.addFilter(limit)
    yield limit, logger
    logger.removeFilter(limit)


def fail(logger, kind=ValueError):
    try:
        raise kind("a message of its own")
    except kind:
        logger.exception("the app failed")


def test_first_all_then_a_count(limit, clock, caplog):
    limit, logger = limit
    for _ in range(FIRST + 1234):
        fail(logger)
    assert caplog.messages == ["the app failed"] * FIRST
    caplog.clear()
    limit.tell()
    assert caplog.messages == []
    clock.now += SECONDS
    limit.tell()
    (message,) = caplog.messages
    assert message.startswith("1,234 more in the last 10 s: ValueError at ")
    assert message.endswith(f"test_repeats.py:{fail.__code__.co_firstlineno + 2}")
    assert caplog.records[0].levelname == "ERROR"


def test_a_fault_that_goes_on_has_one_record_in_ten_seconds(limit, clock, caplog):
    _, logger = limit
    for _ in range(FIRST + 1):
        fail(logger)
    for _ in range(3):
        clock.now += SECONDS
        caplog.clear()
        for _ in range(5):
            fail(logger)
        assert len([text for text in caplog.messages if text == "the app failed"]) == 1
        assert len([text for text in caplog.messages if " more in the last 10 s: " in text]) == 1


def test_a_fault_that_rests_is_forgotten(limit, clock, caplog):
    limit, logger = limit
    fail(logger)
    for _ in range(2):
        clock.now += SECONDS
        limit.tell()
    assert limit._faults == {}
    assert caplog.messages == ["the app failed"]


def test_different_faults_are_counted_apart(limit, caplog):
    _, logger = limit
    for _ in range(FIRST):
        fail(logger)
        fail(logger, KeyError)
    assert len(caplog.messages) == 2 * FIRST


def test_the_number_of_faults_is_bounded(limit, clock, caplog):
    limit, logger = limit
    for number in range(10 * MOST_FAULTS):
        fail(logger, type(f"Error{number}", (Exception,), {}))
    assert len(limit._faults) == MOST_FAULTS + 1
    assert len(caplog.messages) == MOST_FAULTS + FIRST
    caplog.clear()
    limit.tell(at_end=True)
    assert caplog.messages == [f"{9 * MOST_FAULTS - FIRST} more in the last 0 s: other faults"]
    assert limit._faults == {}


def test_messages_that_may_repeat(limit, clock, caplog):
    limit, logger = limit
    with caplog.at_level("INFO"):
        for number in range(FIRST + 2):
            logger.info("client %d is strange", number, extra=MAY_REPEAT)
            logger.info("this is never left out")
        clock.now += SECONDS
        limit.tell()
    strange = [text for text in caplog.messages if "is strange" in text]
    assert len(strange) == FIRST + 1
    assert caplog.messages[-1] == "2 more in the last 10 s: client %d is strange"
    assert caplog.messages.count("this is never left out") == FIRST + 2


def test_an_exception_without_a_traceback(limit, caplog):
    _, logger = limit
    logger.error("failed", exc_info=ValueError())
    assert repeats.name_of(caplog.records[0]) == "ValueError somewhere"
