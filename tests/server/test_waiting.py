"""Awaitables without futures, as asyncio's Tasks of both kinds and bare `await` see them.

They are cdef classes, so a small module is compiled that waits with them (waiting/mailbox.pyx).
"""

import asyncio
import contextvars
import gc
import importlib.util
import subprocess
import sys
import sysconfig
from collections.abc import Coroutine
from pathlib import Path

import pytest
import uvloop

pytestmark = pytest.mark.timeout(600)

SOURCE = Path(__file__).parent / "waiting" / "mailbox.pyx"
SERVER = Path(__file__).parents[2] / "server"
BUILD = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup
setup(
    name="mailbox",
    ext_modules=cythonize(
        [Extension("mailbox", ["mailbox.pyx"], extra_compile_args=["-O0"])],
        include_path=[sys.argv.pop(), sys.argv.pop()],
        compiler_directives={"freethreading_compatible": True},
    ),
)
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """mailbox.pyx, compiled."""
    folder = tmp_path_factory.mktemp("waiting")
    (folder / "mailbox.pyx").write_text(SOURCE.read_text())
    (folder / "setup.py").write_text(BUILD)
    subprocess.run(
        [
            sys.executable,
            "setup.py",
            "-q",
            "build_ext",
            "--inplace",
            str(SERVER),
            str(SERVER.parent),
        ],
        cwd=folder,
        check=True,
    )
    path = folder / f"mailbox{sysconfig.get_config_var('EXT_SUFFIX')}"
    spec = importlib.util.spec_from_file_location("mailbox", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


LOOPS = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
# asyncio's own Task is in C; the one in Python stands for those that subclass it. From 3.14 on
# asyncio.current_task() does not know the latter, so that asyncio.timeout() fails in it.
TASKS = {"c": asyncio.Task}
if sys.version_info < (3, 14):
    TASKS["python"] = asyncio.tasks._PyTask


@pytest.fixture(params=LOOPS)
def loop(request):
    loop = LOOPS[request.param]()
    loop.set_debug(True)
    yield loop
    loop.close()


@pytest.fixture(params=TASKS)
def task_class(request):
    return TASKS[request.param]


@pytest.fixture
def mailbox(module, loop):
    return module.Mailbox(loop)


@pytest.fixture
def run(loop, task_class):
    """Run a coroutine to its end in a Task of that kind."""
    return lambda coroutine: loop.run_until_complete(task_class(coroutine, loop=loop))


@pytest.fixture
def task(loop, task_class):
    """A Task of that kind."""
    return lambda awaitable, **options: task_class(awaitable, loop=loop, **options)


def call(function, *args, **options):
    """From the loop, as a transport does, and not from a Task."""
    asyncio.get_running_loop().call_soon(lambda: function(*args, **options))


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)


# -- finished from the start


VALUES = [None, 1, {"a": 1}, (), (1, 2), KeyError("a"), StopIteration(3)]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_ready_gives_any_value(module, run, value):
    async def main():
        return await module.made_ready(value)

    assert run(main()) is value
    assert run(module.made_ready(value)) is value


def test_ready_does_not_suspend(module):
    async def main():
        return await module.done(), await module.made_ready(1), await module.made_ready(2)

    with pytest.raises(StopIteration) as stop:
        main().send(None)
    assert stop.value.value == (None, 1, 2)


def test_ready_by_hand(module):
    for step in (lambda it: it.send(None), next, lambda it: next(iter(it))):
        with pytest.raises(StopIteration) as stop:
            step(module.made_ready((1, 2)))
        assert stop.value.value == (1, 2)


def test_ready_can_be_awaited_again(module, run):
    async def main():
        awaitable = module.made_ready(7)
        return await awaitable, await awaitable

    assert run(main()) == (7, 7)


def test_it_is_a_coroutine_in_shape(module, mailbox):
    for awaitable in (module.done(), module.made_ready(1), mailbox.take()):
        assert isinstance(awaitable, Coroutine)
        assert asyncio.iscoroutine(awaitable)
        awaitable.close()
        with pytest.raises(KeyError):
            awaitable.throw(KeyError)
        with pytest.raises(KeyError, match="b"):
            awaitable.throw(KeyError("b"))
        with pytest.raises(KeyError, match="c"):
            awaitable.throw(KeyError, KeyError("c"))


# -- waiting


def test_it_waits_until_woken(mailbox, run, task):
    async def main():
        waiting = task(mailbox.take())
        await turns()
        assert mailbox.waiting == 1
        assert not waiting.done()
        mailbox.put("a")
        assert mailbox.waiting == 0
        return await waiting

    assert run(main()) == "a"


def test_what_is_there_is_taken_without_waiting(mailbox, run):
    async def main():
        mailbox.put("a")
        return await mailbox.take()

    assert run(main()) == "a"
    assert mailbox.asked == 1


def test_a_finished_one_takes_nothing_more(mailbox, run):
    async def main():
        mailbox.put("a")
        mailbox.put("b")
        taking = mailbox.take()
        return await taking, await taking, await mailbox.take()

    assert run(main()) == ("a", "a", "b")


def test_yield_from(mailbox, run):
    class Wrapper:
        def __await__(self):
            return (yield from mailbox.take().__await__())

    async def wrapped():
        return await Wrapper()

    async def main():
        call(mailbox.put, "a")
        return await wrapped()

    assert run(main()) == "a"


def test_in_place_the_task_goes_on_before_the_call_returns(mailbox, run, task):
    async def main():
        seen = []

        async def reader():
            while (thing := await mailbox.take()) is not None:
                seen.append(thing)

        def put():
            for thing in "abc":
                mailbox.put(thing, now=True)
                counts.append(len(seen))

        counts = []
        reading = task(reader())
        await turns()
        call(put)
        await turns()
        call(mailbox.put, None, now=True)
        await reading
        return seen, counts

    assert run(main()) == (["a", "b", "c"], [1, 2, 3])


def test_in_place_inside_another_task_waits_for_a_turn(mailbox, run, task):
    async def main():
        waiting = task(mailbox.take())
        await turns()
        mailbox.put("a", now=True)
        assert not waiting.done()
        return await waiting

    assert run(main()) == "a"


def test_in_place_has_the_task_s_context(mailbox, run, task):
    variable = contextvars.ContextVar("variable", default="outside")

    async def reader():
        variable.set("inside")
        await mailbox.take()
        return variable.get()

    async def main():
        waiting = task(reader(), context=contextvars.copy_context())
        await turns()
        call(mailbox.put, "a", now=True)
        return await waiting, variable.get()

    assert run(main()) == ("inside", "outside")


def test_woken_for_nothing_it_waits_again(mailbox, run, task):
    async def main():
        waiting = task(mailbox.take())
        await turns()
        mailbox.wake_all()
        await turns()
        assert mailbox.waiting == 1
        assert mailbox.asked == 2
        mailbox.put("a")
        return await waiting

    assert run(main()) == "a"


def test_woken_before_its_task_has_begun_to_wait(module, loop, task_class, mailbox):
    # a server may take the first step by hand, and give the rest to a Task
    taking = mailbox.take()
    waiter = taking.send(None)
    mailbox.put("a")

    class Rest:
        def __await__(self):
            yield waiter
            return (yield from taking)

    async def rest():
        return await Rest()

    assert loop.run_until_complete(task_class(rest(), loop=loop)) == "a"


def test_one_turn_lets_others_go_on(mailbox, run, task):
    seen = []

    async def other():
        seen.append("other")

    async def main():
        task(other())
        await mailbox.turn()
        seen.append("main")
        assert mailbox.waiting == 0

    run(main())
    assert seen == ["other", "main"]


# -- several


def test_each_of_several_gets_one_in_order(mailbox, run, task):
    async def main():
        waiting = [task(mailbox.take()) for _ in range(4)]
        await turns()
        assert mailbox.waiting == 4
        for thing in "abcd":
            mailbox.put(thing)
        return await asyncio.gather(*waiting)

    assert run(main()) == ["a", "b", "c", "d"]


def test_all_are_woken_and_the_first_is_served(mailbox, run, task):
    async def main():
        first, second = task(mailbox.take()), task(mailbox.take())
        await turns()
        mailbox.wake_all()
        mailbox.put("a")
        await turns()
        assert first.result() == "a"
        assert mailbox.waiting == 1
        mailbox.put("b")
        return await second

    assert run(main()) == "b"


def test_two_that_take_turns_in_place(mailbox, run, task):
    async def reader():
        return [await mailbox.take(), await mailbox.take()]

    async def main():
        readers = [task(reader()), task(reader())]
        await turns()
        for thing in "abcd":
            call(mailbox.put, thing, now=True)
        return await asyncio.gather(*readers)

    assert run(main()) == [["a", "c"], ["b", "d"]]


# -- cancelled, thrown into, closed


@pytest.mark.parametrize("message", [(), ("why",)])
def test_cancelled_it_leaves_the_queue_and_takes_nothing(mailbox, run, task, message):
    async def main():
        waiting = task(mailbox.take())
        await turns()
        waiting.cancel(*message)
        assert mailbox.waiting == 0
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await waiting
        assert cancelled.value.args == message
        mailbox.put("a")
        return await mailbox.take()

    assert run(main()) == "a"


@pytest.mark.parametrize("which", [0, 1, 2])
def test_cancelled_wherever_it_stands(mailbox, run, task, which):
    async def main():
        waiting = [task(mailbox.take()) for _ in range(3)]
        await turns()
        waiting.pop(which).cancel()
        mailbox.put("a")
        mailbox.put("b")
        return await asyncio.gather(*waiting)

    assert run(main()) == ["a", "b"]


def test_cancelled_after_it_was_woken_leaves_the_thing_for_others(mailbox, run, task):
    async def main():
        waiting = task(mailbox.take())
        await turns()
        mailbox.put("a")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return await mailbox.take()

    assert run(main()) == "a"


def test_cancelled_after_another_wait_that_was_woken_in_place(mailbox, run, task):
    """The waiter that is used again must not be the old one's to cancel."""

    async def reader(seen):
        seen.append(await mailbox.take())
        try:
            await mailbox.take()
        except asyncio.CancelledError:
            seen.append("cancelled")

    async def main():
        first, second = [], []
        one = task(reader(first))
        await turns()
        call(mailbox.put, "a", now=True)
        await turns()
        other = task(reader(second))
        await turns()
        one.cancel()
        await turns()
        assert first == ["a", "cancelled"]
        assert mailbox.waiting == 1
        mailbox.put("b")
        mailbox.put("c")
        await other
        assert second == ["b"]
        await one

    run(main())


def test_a_timeout(mailbox, run):
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await mailbox.take()
        assert mailbox.waiting == 0
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(mailbox.take(), 0.001)
        assert mailbox.waiting == 0

    run(main())


def test_thrown_into_it_leaves_the_queue(mailbox):
    taking = mailbox.take()
    taking.send(None)
    assert mailbox.waiting == 1
    with pytest.raises(KeyError):
        taking.throw(KeyError("a"))
    assert mailbox.waiting == 0


def test_closed_it_leaves_the_queue(mailbox):
    async def main():
        await mailbox.take()

    coroutine = main()
    coroutine.send(None)
    assert mailbox.waiting == 1
    coroutine.close()
    assert mailbox.waiting == 0


def test_closing_a_finished_one_leaves_others_alone(mailbox, run, task):
    async def main():
        taking = mailbox.take()

        async def reader():
            return await taking

        first = task(reader())
        await turns()
        call(mailbox.put, "a", now=True)
        assert await first == "a"
        second = task(mailbox.take())
        await turns()
        taking.close()
        assert mailbox.waiting == 1
        mailbox.put("b")
        return await second

    assert run(main()) == "b"


# -- errors and the end


def test_an_error_in_a_task_stepped_in_place_is_the_task_s(mailbox, run, task):
    async def reader():
        await mailbox.take()
        raise RuntimeError("the app's own")

    async def main():
        waiting = task(reader())
        await turns()
        call(mailbox.put, "a", now=True)
        with pytest.raises(RuntimeError, match="the app's own"):
            await waiting

    run(main())


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt])
def test_an_exit_stops_the_loop_and_not_the_caller(mailbox, run, task, stop):
    returned = []

    def put():
        mailbox.put("a", now=True)
        returned.append(True)

    async def reader():
        await mailbox.take()
        raise stop

    async def main():
        reading.append(task(reader()))
        await turns()
        call(put)
        await turns()

    reading = []
    with pytest.raises(stop):
        run(main())
    assert returned == [True]
    with pytest.raises(stop):
        reading.pop().result()


def test_what_is_over_is_freed_without_the_cycle_collector(module, loop):
    def waiters():
        return sum(type(thing).__name__ in {"Waiter", "WaitQueue"} for thing in gc.get_objects())

    # asyncio's Task in Python, when cancelled on 3.13, is itself a cycle that keeps what it awaits
    async def main():
        mailbox = module.Mailbox(loop)
        waiting = [asyncio.Task(mailbox.take(), loop=loop) for _ in range(3)]
        await turns()
        waiting.pop().cancel()
        for thing in "ab":
            call(mailbox.put, thing, now=True)
        await asyncio.gather(*waiting)
        await turns()

    gc.collect()
    gc.disable()
    try:
        before = waiters()
        loop.run_until_complete(main())
        assert waiters() <= before  # what earlier tests left may go meanwhile
    finally:
        gc.enable()
