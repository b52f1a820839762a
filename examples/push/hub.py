"""The clients of this server, and the channels that they follow."""

import asyncio
import contextlib
import logging
from collections import Counter

from examples.push.channel import Channel
from examples.push.client import Client
from examples.push.message import Invalid, Position, Unavailable, encode
from examples.push.settings import EXPIRE_SECONDS, MAX_CHANNELS, PRESENCE_SECONDS
from examples.push.store import Here, Presence, Store

logger = logging.getLogger("fastserve.push")


class Hub:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.clients: set[Client] = set()
        self.channels: dict[str, Channel] = {}
        self.users: Counter[Here] = Counter()  # a user can be here several times
        self.changes: dict[Here, bool] = {}  # who has come or gone since the store was told
        self.shown: dict[str, Presence] = {}
        self.watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.store.start()
        self.watching = asyncio.create_task(self._watch_presence())

    async def stop(self) -> None:
        if self.watching is not None:
            self.watching.cancel()
            await asyncio.gather(self.watching, return_exceptions=True)
            with contextlib.suppress(Unavailable):  # then they expire
                await self.store.sync_presence(self.changes, [], [])
        await self.store.stop()

    def add(self, client: Client) -> None:
        self.clients.add(client)

    def remove(self, client: Client) -> None:
        for channel in list(client.positions):
            self.unsubscribe(client, channel.name)
        self.clients.discard(client)

    async def subscribe(
        self,
        client: Client,
        name: str,
        *,
        since: Position | None = None,
        history: int = 0,
        presence: bool = False,
    ) -> tuple[Position, bool]:
        """Where the client begins, and whether it has missed nothing since `since`."""
        channel = self.channels.get(name)
        if channel in client.positions:
            raise Invalid(f"already subscribed to {name}")
        if len(client.positions) >= MAX_CHANNELS:
            raise Invalid(f"a client may follow {MAX_CHANNELS} channels")
        if channel is None:
            channel = self.channels[name] = Channel(name)
            channel.loading = asyncio.ensure_future(self.store.follow(channel))
        channel.clients.add(client)
        try:
            await asyncio.shield(channel.loading)
        except BaseException:
            self._leave(client, channel)
            raise
        # From here on there is no await: nothing can be published in between.
        begin, complete = (
            channel.resume(since) if since is not None else (channel.latest(history), True)
        )
        client.follow(channel, begin)
        self.users[name, client.user] += 1
        if self.users[name, client.user] == 1:
            self.changes[name, client.user] = True
        if presence:
            channel.watchers.add(client)
            if name in self.shown:
                client.show_presence(channel, encode_presence(name, self.shown[name]))
        return begin, complete

    def unsubscribe(self, client: Client, name: str) -> None:
        channel = self.channels.get(name)
        if channel is None or channel not in client.positions:
            raise Invalid(f"not subscribed to {name}")
        client.unfollow(channel)
        self._leave(client, channel)
        self.users[name, client.user] -= 1
        if not self.users[name, client.user]:
            del self.users[name, client.user]
            self.changes[name, client.user] = False

    def _leave(self, client: Client, channel: Channel) -> None:
        channel.clients.discard(client)
        channel.watchers.discard(client)
        if not channel.clients and self.channels.get(channel.name) is channel:
            del self.channels[channel.name]
            self.store.unfollow(channel)
            if channel.loading is not None:
                channel.loading.cancel()

    async def _watch_presence(self) -> None:
        loop = asyncio.get_running_loop()
        refreshed = loop.time()
        while True:
            await asyncio.sleep(PRESENCE_SECONDS)
            changes, self.changes = self.changes, {}
            # A server that is killed does not take its users away: they expire unless refreshed.
            refresh = loop.time() > refreshed + EXPIRE_SECONDS / 3
            here = list(self.users) if refresh else []
            watched = [name for name, channel in self.channels.items() if channel.watchers]
            try:
                found = await self.store.sync_presence(changes, here, watched)
            except Unavailable as error:
                logger.warning("%s", error)
                self.changes = {**changes, **self.changes}
                continue
            except asyncio.CancelledError:
                self.changes = {**changes, **self.changes}
                raise
            if refresh:
                refreshed = loop.time()
            self._show(found)

    def _show(self, found: dict[str, Presence]) -> None:
        for name, presence in found.items():
            channel = self.channels.get(name)
            if channel is not None and presence != self.shown.get(name):
                text = encode_presence(name, presence)
                for client in channel.watchers:
                    client.show_presence(channel, text)
        self.shown = found


def encode_presence(name: str, presence: Presence) -> str:
    return encode("presence", channel=name, count=presence.count, users=presence.users)
