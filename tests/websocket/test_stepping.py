"""An app that a message steps by hand does what it would do in an ordinary task."""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from .cases import TEXT, frame
from .test_session import ACCEPT, Link

Get = Callable[[], Awaitable[Any]]
Trace = list[Any]
Case = Callable[[Get, Trace], Awaitable[None]]


def me() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


async def takes_two(get: Get, trace: Trace) -> None:
    trace.append(me().get_name())
    await get()
    trace.append(me().get_name())


async def cancels_itself_and_gets(get: Get, trace: Trace) -> None:
    me().cancel("why")
    try:
        await get()
    except asyncio.CancelledError as error:
        trace.append(error.args)
    trace.append((me().cancelling(), me().uncancel()))
    await get()


async def cancels_itself_and_sleeps(get: Get, trace: Trace) -> None:
    me().cancel("why")
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError as error:
        trace.append(error.args)
    await get()


async def cancels_itself_and_waits_for_a_future(get: Get, trace: Trace) -> None:
    future = asyncio.get_running_loop().create_future()
    me().cancel()
    try:
        await future
    except asyncio.CancelledError:
        trace.append(future.cancelled())
    await get()


async def cancels_itself_and_returns(get: Get, trace: Trace) -> None:
    me().cancel()


async def cancels_itself_and_raises(get: Get, trace: Trace) -> None:
    me().cancel()
    raise ValueError("its own")


async def raises(get: Get, trace: Trace) -> None:
    raise ValueError("its own")


async def raises_cancelled(get: Get, trace: Trace) -> None:
    raise asyncio.CancelledError("its own")


async def lets_others_run(get: Get, trace: Trace) -> None:
    for number in range(3):
        await asyncio.sleep(0)
        trace.append(number)
    await get()
    await asyncio.sleep(0)


async def waits_for_a_task(get: Get, trace: Trace) -> None:
    trace.append(await asyncio.ensure_future(asyncio.sleep(0, "done")))
    await asyncio.ensure_future(get())


async def times_out(get: Get, trace: Trace) -> None:
    await get()  # the second, so that the next waits
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            await get()
    trace.append(me().cancelling())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None) as moved:
            moved.reschedule(0)
            await get()
    trace.append(me().cancelling())


async def is_cancelled_while_it_waits(get: Get, trace: Trace) -> None:
    await get()
    asyncio.get_running_loop().call_soon(me().cancel, "from outside")
    try:
        await get()
    except asyncio.CancelledError as error:
        trace.append(error.args)
        raise


async def refuses_to_be_cancelled(get: Get, trace: Trace) -> None:
    me().cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
    await get()
    trace.append("went on")


async def yields_what_is_no_future(get: Get, trace: Trace) -> None:
    class Odd:
        def __await__(self) -> Any:
            yield 1

    try:
        await Odd()
    except RuntimeError as error:
        trace.append("yield" in str(error))
    await get()


CASES: list[Case] = [
    takes_two,
    cancels_itself_and_gets,
    cancels_itself_and_sleeps,
    cancels_itself_and_waits_for_a_future,
    cancels_itself_and_returns,
    cancels_itself_and_raises,
    raises,
    raises_cancelled,
    lets_others_run,
    waits_for_a_task,
    times_out,
    is_cancelled_while_it_waits,
    refuses_to_be_cancelled,
    yields_what_is_no_future,
]


async def follow(case: Case, get: Get, trace: Trace) -> None:
    """Take a message, which is the step by hand, then do what the case does."""
    me().set_name("mine")
    await get()
    await case(get, trace)


def outcome(task: asyncio.Task[Any]) -> str:
    return "cancelled" if task.cancelled() else repr(task.exception())


async def settle(task: asyncio.Task[Any]) -> None:
    for _ in range(20):
        await asyncio.sleep(0)
    for _ in range(2):  # once more for a case that catches the first
        if not task.done():
            task.cancel("the end")
            await asyncio.wait([task])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_as_in_an_ordinary_task(case: Case) -> None:
    ordinary: Trace = []
    ours: Trace = []

    async def in_a_task() -> str:
        queue: asyncio.Queue[None] = asyncio.Queue()
        task = asyncio.ensure_future(follow(case, queue.get, ordinary))
        for _ in range(2):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            queue.put_nowait(None)
        await settle(task)
        return outcome(task)

    async def in_a_session() -> str:
        async def app(scope: Any, receive: Get, send: Any) -> None:
            await receive()
            await send(ACCEPT)
            await follow(case, receive, ours)

        link = await Link(app).turn()
        task = link.session.task
        for _ in range(2):
            asyncio.get_running_loop().call_soon(link.protocol.data_received, frame(TEXT, b"x"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await settle(task)
        return outcome(task)

    assert asyncio.run(in_a_session()) == asyncio.run(in_a_task())
    assert ours == ordinary


def test_a_message_inside_another_task_waits_for_its_turn() -> None:
    async def main() -> None:
        taken: list[str] = []

        async def app(scope: Any, receive: Get, send: Any) -> None:
            await receive()
            await send(ACCEPT)
            while True:
                taken.append((await receive())["text"])

        link = await Link(app).turn()
        for text in ("a", "b"):
            link.protocol.data_received(frame(TEXT, text.encode()))
            assert text not in taken
            await link.turn()
        assert taken == ["a", "b"]
        await link.feed(frame(TEXT, b"c"))
        assert taken == ["a", "b", "c"]
        await link.end()

    asyncio.run(main())


def test_a_task_can_be_inspected_while_its_app_waits() -> None:
    async def main() -> None:
        async def app(scope: Any, receive: Get, send: Any) -> None:
            await receive()
            await send(ACCEPT)
            while (await receive())["type"] == "websocket.receive":
                pass

        link = await Link(app).turn()
        await link.feed(frame(TEXT, b"x"))
        (stack,) = link.session.task.get_stack()
        assert stack.f_code is app.__code__
        assert "app" in repr(link.session.task)
        await link.end()

    asyncio.run(main())


def test_another_that_waits_in_the_place_of_the_app_is_woken() -> None:
    """As a task does that the app has started eagerly, in the step that a message brought."""

    async def main() -> None:
        woken: list[str] = []
        gone_on = asyncio.Event()

        async def app(scope: Any, receive: Get, send: Any) -> None:
            await receive()
            await send(ACCEPT)
            await receive()
            await receive()  # the step by hand
            other = iter(receive().__await__())
            next(other).add_done_callback(
                lambda waiter: woken.append("other"), context=contextvars.copy_context()
            )
            await asyncio.sleep(0)
            woken.append("app")
            await gone_on.wait()

        link = await Link(app).turn()
        await link.feed(frame(TEXT, b"x"))
        await link.feed(frame(TEXT, b"x"))
        assert woken == ["app"]
        await link.feed(frame(TEXT, b"x"))
        assert woken == ["app", "other"]
        gone_on.set()
        await link.turn()
        assert link.session.task.done()
        await link.end()

    asyncio.run(main())
