"""The positions of clients in a channel of examples/push."""

import asyncio

import pytest

from examples.push.channel import Channel
from examples.push.client import Client, TooSlow
from examples.push.message import START, Invalid, Message, Position
from examples.push.settings import HISTORY


def message(epoch, number):
    return Message("a", Position(epoch, number), "ada", f"{epoch}.{number}", 0)


def channel_of(*positions):
    channel = Channel("a")
    for position in positions:
        channel.add(message(*position))
    return channel


def follow(channel, position):
    client = Client("ada")
    channel.clients.add(client)
    client.follow(channel, Position(*position))
    return client


def received(client):
    """The positions that it is given until it would wait."""

    async def take():
        found = []
        while True:
            task = asyncio.ensure_future(client.next())
            await asyncio.sleep(0)
            if not task.done():
                task.cancel()
                return found
            found.append(tuple(task.result().position))

    return asyncio.run(take())


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ((7, 3), ((7, 3), True)),
        ((7, 5), ((7, 5), True)),
        ((7, 2), ((7, 2), True)),  # 3 is the next, and is kept
        ((7, 1), ((7, 2), False)),
        ((7, 6), ((7, 5), False)),  # Redis has lost 6
        ((6, 9), ((7, 2), False)),
        ((8, 1), ((7, 2), False)),
        (START, ((7, 2), False)),
    ],
)
def test_where_a_client_goes_on(since, expected):
    channel = channel_of((7, 3), (7, 4), (7, 5))
    begin, complete = channel.resume(Position(*since))
    assert (tuple(begin), complete) == expected
    assert received(follow(channel, begin)) == [(7, n) for n in range(begin.number + 1, 6)]


def test_all_from_the_start():
    assert channel_of().resume(START) == (START, True)
    assert channel_of((7, 1), (7, 2)).resume(START) == ((7, 0), True)
    assert channel_of().resume(Position(7, 3)) == (START, False)


def test_a_message_that_comes_again_is_not_new():
    channel = channel_of((7, 1), (7, 2), (7, 1), (7, 2), (6, 9))
    assert received(follow(channel, (7, 0))) == [(7, 1), (7, 2)]


def test_a_new_epoch_begins_under_a_client():
    channel = channel_of((7, 1), (7, 2))
    client = follow(channel, (7, 1))
    channel.add(message(8, 1))
    channel.add(message(8, 2))
    assert received(client) == [(8, 1), (8, 2)]


def test_a_gap_is_not_hidden():
    channel = channel_of((7, 1), (7, 2))
    client = follow(channel, (7, 1))
    channel.add(message(7, 9))
    with pytest.raises(TooSlow):
        received(client)
    assert channel.resume(Position(7, 1)) == ((7, 8), False)


def test_a_client_that_falls_behind_what_is_kept():
    channel = channel_of((7, 1))
    client = follow(channel, (7, 0))
    for number in range(2, HISTORY + 1):
        channel.add(message(7, number))
    assert not client.too_slow
    channel.add(message(7, HISTORY + 1))
    assert client.too_slow


def test_channels_take_turns():
    one, other = channel_of((7, 1), (7, 2)), channel_of((8, 1), (8, 2))
    client = follow(one, (7, 0))
    client.follow(other, Position(8, 0))
    assert received(client) == [(7, 1), (8, 1), (7, 2), (8, 2)]


@pytest.mark.parametrize("text", ["", "1", "1-", "-1-2", "1-2-3", "٣-1", "1" * 20 + "-1", None, 3])
def test_what_is_not_a_position(text):
    with pytest.raises(Invalid):
        Position.parse(text)
