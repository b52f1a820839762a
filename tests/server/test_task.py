"""The parked task: whatever an app does to its task, it must behave as in a task of its own.

Each test runs an app's coroutine twice, as the first and as the second request of a runner, and
once in a plain asyncio.Task, and asks for the same outcome.
"""

import asyncio
import contextlib
import contextvars
import gc
import io
import sys
import weakref

import pytest
import uvloop
from live import Live
from serving import one_loop
from wire import WAIT

LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.SelectorEventLoop}
PLAIN = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


class Served:
    """Requests in a server whose app is a function that the test gives."""

    def __init__(self, combination):
        self.calls = []
        self.function = None
        self.live = Live(self.app, **combination)

    async def app(self, scope, receive, send):
        if scope["type"] == "lifespan":
            raise RuntimeError
        outcome = []
        self.calls.append(outcome)
        try:
            await self.function(outcome, receive)
        except BaseException as error:
            outcome.append(type(error).__name__)
            raise
        finally:
            headers = [(b"content-length", b"2")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"ok"})

    def run(self, function, count=3):
        """What each of so many calls wrote down; one plain call behind them must work."""
        self.calls, self.function = [], function
        with self.live.connect() as client:
            for _ in range(count):
                client.send(PLAIN)
                assert client.response().body == b"ok"
            outcomes, self.calls, self.function = self.calls, [], one_line
            client.send(PLAIN)
            assert client.response().body == b"ok"
        assert self.calls == [["here"]]
        return outcomes


async def one_line(outcome, receive):
    outcome.append("here")


@pytest.fixture(scope="module")
def served(combination):
    served = Served(combination)
    yield served
    assert served.live.stop() is None


def alone(function, loop_factory):
    """The same in a plain task."""

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def main():
        outcome = []
        task = asyncio.ensure_future(function(outcome, receive))
        try:
            await asyncio.wait_for(asyncio.shield(task), WAIT)
        except (asyncio.CancelledError, Exception) as error:
            outcome.append(type(error).__name__)
        return outcome

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main())


# What apps do to their task. `outcome` takes what is to be the same as in a task of its own.


async def nothing(outcome, receive):
    await receive()


async def suspends(outcome, receive):
    await asyncio.sleep(0)


async def sleeps(outcome, receive):
    await asyncio.sleep(0.001)


async def identity(outcome, receive):
    first = asyncio.current_task()
    await asyncio.sleep(0)
    outcome.append(asyncio.current_task() is first)
    await asyncio.sleep(0.001)
    outcome.append(asyncio.current_task() is first)


async def cancels_itself_first(outcome, receive):
    """Before the first suspension: the next suspension raises."""
    asyncio.current_task().cancel()
    outcome.append(asyncio.current_task().cancelling())
    await receive()  # does not suspend
    outcome.append("received")
    try:
        await asyncio.sleep(0)
        outcome.append("not reached")
    except asyncio.CancelledError:
        outcome.append("cancelled")
        asyncio.current_task().uncancel()
    await asyncio.sleep(0)
    outcome.append(asyncio.current_task().cancelling())


async def cancels_itself_and_awaits_a_future(outcome, receive):
    asyncio.current_task().cancel("why")
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        outcome.append("cancelled")
        asyncio.current_task().uncancel()


async def cancels_itself_later(outcome, receive):
    await asyncio.sleep(0)
    asyncio.current_task().cancel()
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        outcome.append("cancelled")
        asyncio.current_task().uncancel()
    await asyncio.sleep(0)


async def is_cancelled_soon(outcome, receive):
    """By a callback, before the task has run for the first time."""
    asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        outcome.append("cancelled")
        asyncio.current_task().uncancel()


async def is_cancelled_at_a_bare_yield(outcome, receive):
    asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
    try:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        outcome.append("cancelled")
        asyncio.current_task().uncancel()


async def cancels_and_takes_it_back(outcome, receive):
    task = asyncio.current_task()
    task.cancel()
    task.uncancel()
    outcome.append(task.cancelling())
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:  # until Python 3.13, which takes back the whole of it
        outcome.append("cancelled")
    await asyncio.sleep(0)


async def cancelled_twice(outcome, receive):
    task = asyncio.current_task()
    task.cancel()
    task.cancel()
    outcome.append(task.cancelling())
    for _ in range(2):
        try:
            await asyncio.sleep(0)
            outcome.append("slept")
        except asyncio.CancelledError:
            outcome.append("cancelled")
    task.uncancel()
    task.uncancel()


async def times_out(outcome, receive):
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(10)
    except TimeoutError:
        outcome.append("timeout")
    outcome.append(asyncio.current_task().cancelling())


async def times_out_later(outcome, receive):
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(0.001):
            await asyncio.get_running_loop().create_future()
    except TimeoutError:
        outcome.append("timeout")


async def cancels_itself_and_awaits_no_future(outcome, receive):
    """Nothing there to cancel: the app gets the cancel, or what is wrong with its awaitable."""

    class Odd:
        def __await__(self):
            yield 42

    asyncio.current_task().cancel()
    try:
        await Odd()
    except (RuntimeError, asyncio.CancelledError):
        outcome.append("raised")
    asyncio.current_task().uncancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
    await asyncio.sleep(0)


async def does_not_time_out(outcome, receive):
    async with asyncio.timeout(10):
        await receive()
    async with asyncio.timeout(10):
        await asyncio.sleep(0)
    outcome.append(asyncio.current_task().cancelling())


async def group(outcome, receive):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.sleep(0))


async def group_that_fails(outcome, receive):
    async def fail():
        raise ValueError

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())
            await asyncio.sleep(10)
    except* ValueError:
        outcome.append("ValueError")
    outcome.append(asyncio.current_task().cancelling())


async def names_its_task(outcome, receive):
    task = asyncio.current_task()
    outcome.append(task.get_name() != "mine")  # not left behind by the call before
    task.set_name("mine")
    outcome.append(task.get_name())
    await asyncio.sleep(0)
    outcome.append(task.get_name())


async def inspects_its_task(outcome, receive):
    task = asyncio.current_task()
    outcome.append((task.done(), task.cancelled(), task in asyncio.all_tasks()))
    outcome.append(task.get_coro() is not None)
    repr(task)
    task.print_stack(file=io.StringIO())
    task.get_stack()
    await asyncio.sleep(0)
    repr(task)
    task.get_stack()


async def raises(outcome, receive):
    outcome.append("raises")


async def raises_cancelled(outcome, receive):
    """An app may end with CancelledError of its own."""
    raise asyncio.CancelledError


async def raises_cancelled_later(outcome, receive):
    await asyncio.sleep(0)
    raise asyncio.CancelledError


async def ends_with_a_pending_cancel(outcome, receive):
    """The cancel never hits anything; the next request must not feel it."""
    asyncio.current_task().cancel()


async def ends_with_a_pending_cancel_later(outcome, receive):
    await asyncio.sleep(0)
    asyncio.current_task().cancel()


async def waits_for_itself_in_vain(outcome, receive):
    try:
        await asyncio.current_task()
    except RuntimeError:
        outcome.append("RuntimeError")


async def awaits_no_future(outcome, receive):
    class Odd:
        def __await__(self):
            yield 42

    try:
        await Odd()
    except RuntimeError:
        outcome.append("RuntimeError")
    await asyncio.sleep(0)


async def awaits_a_finished_future(outcome, receive):
    future = asyncio.get_running_loop().create_future()
    future.set_result("result")
    outcome.append(await future)
    future = asyncio.get_running_loop().create_future()
    future.set_exception(KeyError("x"))
    try:
        await future
    except KeyError:
        outcome.append("KeyError")


async def awaits_a_cancelled_future(outcome, receive):
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.cancel)
    try:
        await future
    except asyncio.CancelledError:
        outcome.append("cancelled")
    outcome.append(asyncio.current_task().cancelling())
    await asyncio.sleep(0)


async def makes_a_task_eagerly(outcome, receive):
    task = asyncio.create_task(receive())
    outcome.append((await task)["type"])


async def starts_a_task_eagerly(outcome, receive):
    async def current():
        return asyncio.current_task()

    if sys.version_info >= (3, 12):
        loop = asyncio.get_running_loop()
        inner = asyncio.Task(current(), loop=loop, eager_start=True)
        outcome.append((inner.done(), asyncio.current_task() is None))
        outcome.append(inner.result() is inner)


async def is_found_by_its_loop(outcome, receive):
    outcome.append(asyncio.current_task(asyncio.get_running_loop()) is not None)
    outcome.append(asyncio.current_task() is not None)


async def no_other_task_may_enter(outcome, receive):
    loop = asyncio.get_running_loop()
    other = loop.create_task(asyncio.sleep(0))
    try:
        asyncio.tasks._enter_task(loop, other)
    except RuntimeError:
        outcome.append("one runs already")
    await other


async def gives_way_to_a_nested_loop(outcome, receive):
    """As nest_asyncio does to run the loop from within a task."""
    if sys.version_info < (3, 14):
        loop, running = asyncio.get_running_loop(), asyncio.tasks._current_tasks
        task = running.pop(loop, None)
        outcome.append((task is None, asyncio.current_task()))
        running[loop] = task
        outcome.append(asyncio.current_task() is task)


def run_nested(task):
    """Some turns of the loop, as nest_asyncio does it; uvloop cannot."""
    loop = task.get_loop()
    task.set_name("nests")  # so that it serves nobody else, and the next has yet to begin
    if isinstance(loop, asyncio.SelectorEventLoop):
        asyncio.tasks._leave_task(loop, task)
        for _ in range(5):
            loop.call_soon(int)
            loop._run_once()
        asyncio.tasks._enter_task(loop, task)


async def runs_a_nested_loop(outcome, receive):
    run_nested(asyncio.current_task())
    outcome.append(asyncio.current_task().get_name())
    await asyncio.sleep(0)
    outcome.append("goes on")


async def is_cancelled_in_a_nested_loop(outcome, receive):
    task = asyncio.current_task()
    task.cancel()
    run_nested(task)
    outcome.append("not yet")
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
        outcome.append("not at all")
    await asyncio.sleep(0)
    outcome.append(task.cancelling())


async def is_cancelled_twice_around_a_nested_loop(outcome, receive):
    task = asyncio.current_task()
    task.cancel()
    run_nested(task)
    task.cancel()
    for _ in range(3):
        try:
            await asyncio.sleep(0)
            outcome.append("goes on")
        except asyncio.CancelledError:
            outcome.append("cancelled")


async def many_steps(outcome, receive):
    for _ in range(100):
        await asyncio.sleep(0)


async def in_a_thread(outcome, receive):
    outcome.append(await asyncio.to_thread(sum, (1, 2)))


async def callback_of_another(outcome, receive):
    """Somebody waits for the request's task."""
    task, seen = asyncio.current_task(), asyncio.get_running_loop().create_future()
    task.add_done_callback(lambda _: seen.done() or seen.set_result(None))
    outcome.append(seen.done())
    await asyncio.sleep(0)
    outcome.append(seen.done())


async def callback_without_suspending(outcome, receive):
    asyncio.current_task().add_done_callback(lambda _: None)


CLEAN = [
    nothing, suspends, sleeps, identity, cancels_itself_first, cancels_itself_and_awaits_a_future,
    cancels_itself_later, is_cancelled_soon, is_cancelled_at_a_bare_yield,
    cancels_and_takes_it_back, cancelled_twice, times_out, times_out_later, does_not_time_out,
    cancels_itself_and_awaits_no_future, group, group_that_fails, names_its_task, inspects_its_task, raises, awaits_no_future,
    awaits_a_finished_future, awaits_a_cancelled_future, makes_a_task_eagerly, many_steps,
    in_a_thread, callback_of_another, callback_without_suspending, waits_for_itself_in_vain,
    starts_a_task_eagerly, is_found_by_its_loop, no_other_task_may_enter,
    gives_way_to_a_nested_loop, runs_a_nested_loop, is_cancelled_in_a_nested_loop,
    is_cancelled_twice_around_a_nested_loop,
]  # fmt: skip
ABRUPT = [
    raises_cancelled, raises_cancelled_later, ends_with_a_pending_cancel,
    ends_with_a_pending_cancel_later,
]  # fmt: skip


@pytest.mark.parametrize("function", CLEAN, ids=lambda function: function.__name__)
def test_as_in_a_task_of_its_own(function, served, combination):
    expected = alone(function, LOOPS[combination["loop"]])
    assert served.run(function) == [expected] * 3


@pytest.mark.parametrize("function", ABRUPT, ids=lambda function: function.__name__)
def test_a_request_is_not_hurt_by_the_end_of_another(function, served):
    with served.live.connect() as client:
        served.calls, served.function = [], function
        for _ in range(3):
            client.send(PLAIN)
            client.head()  # a cancelled task cannot send any more, or has sent already
            client.data = b""
            break
    assert served.run(identity) == [[True, True]] * 3


# What shows that a task served the request before.


def leave_alone(task):
    pass


def set_its_name(task):
    task.set_name("mine")


def set_an_attribute(task):
    task.mine = True


def key_on_it(task):
    KEYED[task] = "mine"


def watch_it(task):
    task.add_done_callback(watch)


def cancel_it(task):
    task.cancel()


def cancel_it_and_take_it_back(task):
    task.cancel()
    task.uncancel()


KEYED = weakref.WeakKeyDictionary()
MARKS = [
    set_its_name, set_an_attribute, key_on_it, watch_it, cancel_it, cancel_it_and_take_it_back,
]  # fmt: skip


def watch(task):
    pass


def tasks_of(served, mark):
    """The tasks of three requests in a row, of which the first one's was marked."""
    tasks = []

    async def call(outcome, receive):
        if not tasks:
            mark(asyncio.current_task())
        tasks.append(asyncio.current_task())

    # The parked task has to have begun: without the GIL the last test may have looked at it just
    # when it was to be parked, and so ended it.
    served.run(nothing, 1)
    served.run(call)
    return tasks


def test_requests_that_never_suspend_share_a_task(served):
    first, second, third = tasks_of(served, leave_alone)
    assert first is second is third


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: mark.__name__)
def test_but_no_task_that_somebody_has_marked(served, mark):
    first, second, third = tasks_of(served, mark)
    assert first is not second
    assert second is third
    assert second.get_name() != "mine"
    assert not hasattr(second, "mine")
    assert second not in KEYED
    assert not second.cancelling()


def test_marks_that_are_taken_away_again_do_not_count(served):
    def mark(task):
        set_an_attribute(task)
        del task.mine
        watch_it(task)
        task.remove_done_callback(watch)
        key_on_it(task)
        del KEYED[task]

    first, second, _ = tasks_of(served, mark)
    assert first is second


@pytest.mark.parametrize("mark", [leave_alone, set_its_name], ids=lambda mark: mark.__name__)
def test_with_a_task_per_request_none_is_shared(combination, mark):
    served = Served({**combination, "task_per_request": True})
    try:
        assert len(set(tasks_of(served, mark))) == 3
    finally:
        assert served.live.stop() is None


# Requests that suspend: by a bare yield, which the task sleeps through, or on a future.


async def yield_once():
    await asyncio.sleep(0)


async def wait():
    await asyncio.sleep(0.001)


PAUSES = pytest.mark.parametrize("pause", [yield_once, wait], ids=lambda pause: pause.__name__)


@PAUSES
@pytest.mark.parametrize("mark", [*MARKS, leave_alone], ids=lambda mark: mark.__name__)
def test_no_task_of_a_request_that_suspended_serves_again_if_marked_or_held(served, mark, pause):
    tasks = []

    async def call(outcome, receive):
        await pause()
        if not tasks:
            mark(asyncio.current_task())
        tasks.append(asyncio.current_task())

    served.run(call)
    served.live.turn()
    assert len(set(tasks)) == 3
    assert all(task.done() for task in tasks)


def parked(served):
    """How many tasks wait for a request."""

    async def count(outcome, receive):
        names = [task.get_name() for task in asyncio.all_tasks()]
        outcome.append(names.count("fastserve-request") - 1)  # this one

    served.live.turn()
    return served.run(count, 1)[0][0]


@one_loop
@PAUSES
@pytest.mark.parametrize("number", [5, 100])
def test_tasks_that_nobody_holds_wait_for_the_next_request(combination, pause, number):
    served = Served(combination)
    here = 0

    async def meet(outcome, receive):
        nonlocal here
        here += 1
        if here == 1:  # not the test's thread, which may wait long for the GIL of a busy loop
            for client in clients[1:]:
                client.send(PLAIN)
        while here < number:
            await pause()

    try:
        served.calls, served.function = [], meet
        clients = [served.live.connect() for _ in range(number)]
        clients[0].send(PLAIN)
        for client in clients:
            with client:
                assert client.response().body == b"ok"
        # The last to come has not suspended, and serves alone.
        assert min(number - 2, 64) <= parked(served) <= 64
    finally:
        assert served.live.stop() is None


def test_done_callbacks_are_called(served):
    ended = []

    async def watches(outcome, receive):
        asyncio.current_task().add_done_callback(lambda task: ended.append(task.done()))

    async def watches_later(outcome, receive):
        await asyncio.sleep(0)
        asyncio.current_task().add_done_callback(lambda task: ended.append(task.done()))

    served.run(watches)
    served.run(watches_later)
    served.live.turn()
    assert ended == [True] * 6


def test_requests_at_the_same_time_have_tasks_of_their_own(served):
    tasks = set()
    served.live.turn()

    async def meet(outcome, receive):
        tasks.add(asyncio.current_task())
        while len(tasks) < 5:
            await asyncio.sleep(0)

    served.calls, served.function = [], meet
    clients = [served.live.connect() for _ in range(5)]
    for client in clients:
        client.send(PLAIN)
    for client in clients:
        with client:
            assert client.response().body == b"ok"
    assert len(tasks) == 5


VARIABLE = contextvars.ContextVar("variable", default=None)


def test_contexts_do_not_leak(served):
    async def sets(outcome, receive):
        outcome.append(VARIABLE.get())
        VARIABLE.set("set")
        await asyncio.create_task(inner(outcome))
        outcome.append(VARIABLE.get())
        await asyncio.sleep(0)
        outcome.append(VARIABLE.get())

    async def inner(outcome):
        outcome.append(VARIABLE.get())
        VARIABLE.set("inner")

    assert served.run(sets) == [[None, "set", "set", "set"]] * 3


def test_callbacks_run_in_the_requests_context(served):
    async def schedules(outcome, receive):
        VARIABLE.set("mine")
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: done.set_result(VARIABLE.get()))
        outcome.append(await done)

    assert served.run(schedules) == [["mine"]] * 3


def test_nothing_keeps_a_finished_request(served):
    class Thing:
        pass

    things = []

    async def holds(outcome, receive):
        thing = Thing()
        things.append(weakref.ref(thing))
        VARIABLE.set(thing)
        await asyncio.sleep(0)

    async def holds_in_step(outcome, receive):
        thing = Thing()
        things.append(weakref.ref(thing))
        VARIABLE.set(thing)

    for function in (holds, holds_in_step):
        served.run(function)
    served.run(suspends)
    served.live.turn()
    gc.collect()
    assert [thing() for thing in things] == [None] * 6


def test_a_generator_based_awaitable(served):
    class Custom:
        def __await__(self):
            yield
            yield from asyncio.sleep(0).__await__()
            return "value"

    async def awaits(outcome, receive):
        outcome.append(await Custom())

    assert served.run(awaits) == [["value"]] * 3
