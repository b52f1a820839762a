"""What keeps the messages and says who is where: memory_store.py or redis_store.py."""

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

from examples.push.channel import Channel
from examples.push.message import Message, Position

Here = tuple[str, str]  # a channel and a user who is in it


class Presence(NamedTuple):
    count: int
    users: list[str]  # some of them, where there are many


class Store(Protocol):
    """Methods that ask Redis raise Unavailable when it does not answer."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def ping(self) -> None: ...

    async def publish(self, channel: str, user: str, text: str, key: str | None) -> Position:
        """Add a message; with the `key` of an earlier one of the same user, only its position."""

    async def read(self, channel: str) -> list[Message]:
        """The messages that are kept."""

    async def follow(self, channel: Channel) -> None:
        """Fill the channel, and add to it what is published from now on."""

    def unfollow(self, channel: Channel) -> None: ...

    async def sync_presence(
        self, changes: Mapping[Here, bool], here: Collection[Here], watched: Collection[str]
    ) -> dict[str, Presence]:
        """Say who has come and gone, and who is still here; return who is in `watched`."""
