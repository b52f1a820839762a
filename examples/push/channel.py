"""A channel, as far as this server has clients that follow it."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from examples.push.message import START, Message, Position
from examples.push.settings import HISTORY

if TYPE_CHECKING:
    from examples.push.client import Client


class Channel:
    """Its last messages, which all its clients share, each with a position of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: deque[Message] = deque(maxlen=HISTORY)
        self.last = START
        self.clients: set[Client] = set()
        self.watchers: set[Client] = set()  # those that want to know who is here
        self.loading: asyncio.Future[None] | None = None

    @property
    def first(self) -> int:
        """The number of the oldest message that is kept."""
        return self.last.number - len(self.messages) + 1

    def add(self, message: Message) -> None:
        if message.position <= self.last:
            return
        if message.position != (self.last.epoch, self.last.number + 1):
            # A new epoch, or this server was away from Redis for longer than messages are kept.
            self.messages.clear()
        self.messages.append(message)
        self.last = message.position
        for client in self.clients:
            client.wake(self)

    def keeps_next(self, position: Position) -> bool:
        """Whether what follows `position` is still here."""
        number = position.number if position.epoch == self.last.epoch else 0
        return number + 1 >= self.first

    def next_after(self, position: Position) -> Message | None:
        if position.epoch != self.last.epoch:
            return self.messages[0] if self.messages else None
        behind = self.last.number - position.number
        return self.messages[-behind] if behind > 0 else None

    def latest(self, count: int) -> Position:
        """Where a client begins that wants the last `count` messages first."""
        return Position(self.last.epoch, self.last.number - min(count, len(self.messages)))

    def resume(self, since: Position) -> tuple[Position, bool]:
        """Where a client that has everything up to `since` goes on; whether it misses nothing."""
        first, last = self.first, self.last
        if since == START:
            return self.latest(HISTORY), first == 1
        if since.epoch == last.epoch and first - 1 <= since.number <= last.number:
            return since, True
        if since.epoch == last.epoch and since.number > last.number:
            return last, False  # Redis has lost what it had acknowledged
        return self.latest(HISTORY), False
