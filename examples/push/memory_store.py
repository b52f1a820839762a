"""The store of one process alone; it forgets everything when the process ends."""

import time
from collections import OrderedDict
from collections.abc import Collection, Mapping

from examples.push.channel import Channel
from examples.push.message import START, Message, Position
from examples.push.settings import MAX_SHOWN
from examples.push.store import Here, Presence

MAX_LOGS = 1000  # channels kept, the latest used; anybody can name new ones
MAX_KEYS = 10_000


class MemoryStore:
    def __init__(self) -> None:
        self.logs: OrderedDict[str, Channel] = OrderedDict()
        self.keys: OrderedDict[tuple[str, str, str], Position] = OrderedDict()
        self.followed: dict[str, Channel] = {}
        self.here: dict[str, set[str]] = {}

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def ping(self) -> None:
        pass

    async def publish(self, channel: str, user: str, text: str, key: str | None) -> Position:
        sent = (channel, user, key or "")
        if key is not None and sent in self.keys:
            return self.keys[sent]
        log = self.logs.setdefault(channel, Channel(channel))
        self.logs.move_to_end(channel)
        now = int(time.time() * 1000)
        epoch = now if log.last == START else log.last.epoch
        position = Position(epoch, log.last.number + 1)
        message = Message(channel, position, user, text, now)
        log.add(message)
        if channel in self.followed:
            self.followed[channel].add(message)
        if key is not None:
            self.keys[sent] = position
        while len(self.logs) > MAX_LOGS:
            self.logs.popitem(last=False)
        while len(self.keys) > MAX_KEYS:
            self.keys.popitem(last=False)
        return position

    async def read(self, channel: str) -> list[Message]:
        return list(self.logs[channel].messages) if channel in self.logs else []

    async def follow(self, channel: Channel) -> None:
        for message in await self.read(channel.name):
            channel.add(message)
        self.followed[channel.name] = channel

    def unfollow(self, channel: Channel) -> None:
        self.followed.pop(channel.name, None)

    async def sync_presence(
        self, changes: Mapping[Here, bool], here: Collection[Here], watched: Collection[str]
    ) -> dict[str, Presence]:
        for (channel, user), came in changes.items():
            if came:
                self.here.setdefault(channel, set()).add(user)
            elif channel in self.here:
                self.here[channel].discard(user)
                if not self.here[channel]:
                    del self.here[channel]
        return {
            name: Presence(len(users), sorted(users)[:MAX_SHOWN])
            for name in watched
            for users in [self.here.get(name, set())]
        }
