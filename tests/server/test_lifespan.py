"""ASGI lifespan, event by event; over the real command in test_server.py."""

import asyncio
import logging

import pytest

from fastserve import Config, Server
from fastserve.errors import LifespanError
from fastserve.lifespan import Lifespan

STARTUP = {"type": "lifespan.startup"}
SHUTDOWN = {"type": "lifespan.shutdown"}
STARTED = {"type": "lifespan.startup.complete"}
STOPPED = {"type": "lifespan.shutdown.complete"}


def script(*steps):
    """An app that does the steps: an event to receive, a message to send, or an error to raise."""

    async def app(scope, receive, send):
        for step in steps:
            if isinstance(step, Exception):
                raise step
            if step in (STARTUP, SHUTDOWN):
                assert await receive() == step
            else:
                await send(step)

    return app


def live(app, mode="auto"):
    """A whole life; the errors of startup and shutdown are raised."""

    async def whole():
        lifespan = Lifespan(app, mode)
        try:
            await lifespan.startup()
            await lifespan.shutdown()
        finally:
            await lifespan.close()
        return lifespan

    async def bounded():
        async with asyncio.timeout(30):
            return await whole()

    return asyncio.run(bounded())


GOOD = {
    "whole": [STARTUP, STARTED, SHUTDOWN, STOPPED],
    "returns after startup": [STARTUP, STARTED],
    "returns without an answer to shutdown": [STARTUP, STARTED, SHUTDOWN],
}


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize("steps", GOOD.values(), ids=GOOD)
def test_startup_and_shutdown(steps, mode, caplog):
    live(script(*steps), mode)
    assert caplog.records == []


UNSUPPORTED = {
    "raises at once": [ValueError("no")],
    "returns at once": [],
    "returns after the event": [STARTUP],
}


@pytest.mark.parametrize("steps", UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_unsupported_is_ignored_in_auto(steps, caplog):
    live(script(*steps))
    assert caplog.records == []


@pytest.mark.parametrize("steps", UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_unsupported_is_an_error_when_on(steps):
    with pytest.raises(LifespanError, match="does not support lifespan, but --lifespan is on"):
        live(script(*steps), "on")


def test_an_app_that_took_the_event_and_raised_is_shown(caplog):
    live(script(STARTUP, ValueError("database")))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "database" in caplog.text


def test_off_calls_nothing():
    async def app(scope, receive, send):
        raise AssertionError

    assert live(app, "off").state == {}


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize("error", [[], [ValueError("x")]])
def test_startup_failed(mode, error):
    failed = {"type": "lifespan.startup.failed", "message": "no database"}
    with pytest.raises(LifespanError, match=r"^the application failed to start: no database$"):
        live(script(STARTUP, failed, *error), mode)


def test_a_traceback_as_message_is_logged_and_summed_up(caplog):
    failed = {"type": "lifespan.startup.failed", "message": "Traceback:\n  File\nKeyError: 'x'\n"}
    with pytest.raises(LifespanError, match=r"^the application failed to start: KeyError: 'x'$"):
        live(script(STARTUP, failed))
    assert "Traceback:\n  File\nKeyError: 'x'" in caplog.text


def test_startup_failed_without_a_message():
    with pytest.raises(LifespanError, match=r"^the application failed to start$"):
        live(script(STARTUP, {"type": "lifespan.startup.failed"}))


def test_shutdown_failed():
    failed = {"type": "lifespan.shutdown.failed", "message": "stuck"}
    with pytest.raises(LifespanError, match="the application failed to stop: stuck"):
        live(script(STARTUP, STARTED, SHUTDOWN, failed))


def test_an_exception_at_shutdown(caplog):
    with pytest.raises(LifespanError, match="the application failed to stop"):
        live(script(STARTUP, STARTED, SHUTDOWN, ValueError("late")))
    assert "late" in caplog.text


OUT_OF_ORDER = {
    "startup twice": [STARTUP, STARTED, STARTED],
    "shutdown before it is asked for": [STARTUP, STARTED, STOPPED],
    "unknown": [STARTUP, STARTED, {"type": "http.response.start"}],
}


@pytest.mark.parametrize("steps", OUT_OF_ORDER.values(), ids=OUT_OF_ORDER)
def test_messages_out_of_order_raise_in_the_app(steps, caplog):
    live(script(*steps))
    assert "is not allowed while the lifespan is running" in caplog.text


def test_an_exception_while_running_is_logged_at_once(caplog):
    failing = asyncio.Event()

    async def app(scope, receive, send):
        await receive()
        await send(STARTED)
        await failing.wait()
        raise ValueError("background")

    async def main():
        lifespan = Lifespan(app, "on")
        await lifespan.startup()
        failing.set()
        await asyncio.wait([lifespan._task])
        assert "background" in caplog.text
        await lifespan.shutdown()  # nobody is left to tell
        await lifespan.close()

    asyncio.run(main())


def test_state_belongs_to_the_app():
    async def app(scope, receive, send):
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
        scope["state"]["pool"] = 1
        await receive()
        await send(STARTED)
        await receive()
        await send(STOPPED)

    assert live(app).state == {"pool": 1}


@pytest.mark.parametrize("moment", ["startup", "running", "after shutdown"])
def test_close_cancels_what_hangs(moment):
    cancelled = []
    hanging = asyncio.Event()

    async def app(scope, receive, send):
        await receive()
        try:
            if moment == "startup":
                hanging.set()
                await asyncio.Event().wait()
            await send(STARTED)
            await receive()
            await send(STOPPED)
            await receive()
        except asyncio.CancelledError:
            cancelled.append(moment)
            raise

    async def main():
        lifespan = Lifespan(app, "auto")
        starting = asyncio.ensure_future(lifespan.startup())
        if moment == "startup":
            await hanging.wait()
            starting.cancel()
        else:
            await starting
        if moment == "after shutdown":
            await lifespan.shutdown()
        await lifespan.close()
        assert lifespan._task.done()

    asyncio.run(main())
    assert cancelled == [moment]


@pytest.mark.parametrize("turns", range(6))
def test_an_app_that_starts_while_the_server_is_told_to_stop_is_shut_down(turns):
    told = []

    async def app(scope, receive, send):
        told.append(await receive())
        server.request_stop()
        for _ in range(turns):
            await asyncio.sleep(0)
        await send(STARTED)
        told.append(STARTED)
        told.append(await receive())
        await send(STOPPED)

    server = Server(Config(app, port=0, lifespan="on"))
    server.run()
    assert told in ([STARTUP], [STARTUP, STARTED, SHUTDOWN])
    assert turns or len(told) == 3
