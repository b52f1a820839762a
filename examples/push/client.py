"""A client: a position in each of its channels, whatever carries it."""

import asyncio
from collections import deque

from examples.push.channel import Channel
from examples.push.message import Message, Position
from examples.push.settings import MAX_REPLIES


class TooSlow(Exception):
    """The client does not read what it has asked for; it may come back and catch up."""


class Client:
    """What is to be sent to it comes from `next()`.

    Messages are not queued: the channel has them, and the client's position says which is next. So
    each is sent once and in order, and a slow client costs nothing until it is so far behind that
    the channel no longer has what it needs.
    """

    def __init__(self, user: str) -> None:
        self.user = user
        self.positions: dict[Channel, Position] = {}
        self.too_slow = False
        self._replies: deque[str] = deque()
        self._presence: dict[str, str] = {}  # only the latest counts
        self._behind: dict[Channel, None] = {}  # channels that may have more
        self._awake = asyncio.Event()

    def reply(self, text: str) -> None:
        self._replies.append(text)
        if len(self._replies) > MAX_REPLIES:
            self.too_slow = True
        self._awake.set()

    def follow(self, channel: Channel, position: Position) -> None:
        self.positions[channel] = position
        self._behind[channel] = None
        self._awake.set()

    def unfollow(self, channel: Channel) -> None:
        self.positions.pop(channel, None)
        self._behind.pop(channel, None)
        self._presence.pop(channel.name, None)

    def show_presence(self, channel: Channel, text: str) -> None:
        self._presence[channel.name] = text
        self._awake.set()

    def wake(self, channel: Channel) -> None:
        """The channel has a message more."""
        position = self.positions.get(channel)
        if position is not None:  # else it is still subscribing
            if not channel.keeps_next(position):
                self.too_slow = True
            self._behind[channel] = None
            self._awake.set()

    async def next(self) -> str | Message:
        while True:
            if self.too_slow:
                raise TooSlow
            if self._replies:
                return self._replies.popleft()
            if self._presence:
                return self._presence.pop(next(iter(self._presence)))
            while self._behind:
                channel = next(iter(self._behind))
                del self._behind[channel]
                message = channel.next_after(self.positions[channel])
                if message is not None:
                    self.positions[channel] = message.position
                    self._behind[channel] = None  # to the end: channels take turns
                    return message
            self._awake.clear()
            await self._awake.wait()
