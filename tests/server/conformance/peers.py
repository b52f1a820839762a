"""The server under test as the cases see it."""

from live import Live

from .stage import STAGE

MEMORY = {}  # of each server, for cases that share their waiting


class LocalRun:
    """A run in this process."""

    def __init__(self, run):
        self.run = run

    @property
    def calls(self):
        return self.run.calls

    @property
    def scopes(self):
        return self.run.scopes

    def report(self):
        """The journal of the next call of the app that ends."""
        return self.run.reports.get(timeout=30)

    def tell(self, flag):
        self.run.flag(flag).set()

    def wait(self, flag):
        assert self.run.flag(flag).wait(30), f"{flag} does not come"


class LocalPeer:
    """fastserve, in a thread of this process."""

    def __init__(self, live, serve, combination):
        self.live = live
        # One that the case stops.
        self.start = lambda app, **options: Live(app, **combination, **options)
        self.serve = serve  # a server of its own for an app
        self.memory = MEMORY.setdefault(live, {})
        self.connect = live.connect
        self.pause = live.turn

    def begin(self, script):
        return LocalRun(STAGE.begin(script))
