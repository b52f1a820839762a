"""Every compiled class as `__new__` alone leaves it, and each of its methods called.

Prints the calls that end the process, as CLASS NAME ARGUMENTS. Each class has a process of its own,
which goes on after such a call in another one.
"""

import contextlib
import gc
import importlib
import importlib.machinery
import os
import pkgutil
import signal
import sys
import sysconfig
import warnings

import fastserve
import httpparser

MESSAGE = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.1\r\n\r\n"
ARGUMENTS = (
    (), (None,), (b"",), (0,), ("",), ([],), (MESSAGE,),
    (None, None), (b"", 0), (0, None), (None, None, None), (None, None, None, None),
)  # fmt: skip
SECONDS = 10  # for a class
# Without the GIL each collection looks at all objects.
HAS_GENERATIONS = not sysconfig.get_config_var("Py_GIL_DISABLED")


def compiled_classes():
    for package in (fastserve, httpparser):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            if isinstance(module.__loader__, importlib.machinery.ExtensionFileLoader):
                for cls in vars(module).values():
                    if isinstance(cls, type) and cls.__module__ == found.name:
                        yield cls


def calls(cls):
    """What is tried: a name, and the arguments of a call, or None to read and set an attribute."""
    yield "await", ()
    yield "__new__", ()
    for name in dir(cls):
        if name != "__new__" and getattr(object, name, None) is not getattr(cls, name, None):
            yield name, None
            for arguments in ARGUMENTS:
                yield name, arguments


def attempt(cls, name, arguments):
    try:
        thing = cls.__new__(cls)
    except TypeError:
        if name == "__new__":
            make_from_another(cls)
        return
    with contextlib.suppress(BaseException):
        if name == "await":
            wait(thing).send(None)
        value = getattr(thing, name)
        if arguments is not None:
            value = value(*arguments)
            if hasattr(value, "close"):
                value.close()  # of a coroutine that nobody awaits
        repr(value)
    for value in (None, 0) if arguments is None else ():
        with contextlib.suppress(BaseException):
            setattr(thing, name, value)
    del thing
    if arguments is None or HAS_GENERATIONS:
        gc.collect(0)


def make_from_another(cls):
    """It asks for one argument: give it each of the others, made as carelessly."""
    for other in compiled_classes():
        with contextlib.suppress(Exception):
            cls.__new__(cls, other.__new__(other))


async def wait(thing):
    await thing


def run(cls, from_call, note):
    """In a process of its own: note the number of each call before it is made."""
    signal.alarm(SECONDS)
    warnings.simplefilter("ignore")
    for number, (name, arguments) in enumerate(calls(cls)):
        if number >= from_call:
            os.pwrite(note, b"%8d" % number, 0)
            attempt(cls, name, arguments)


def crashes(cls):
    note = os.memfd_create("note")
    tried = list(calls(cls))
    number = 0
    while number < len(tried):
        child = os.fork()
        if not child:
            status = 1
            try:
                run(cls, number, note)
                status = 0
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if not status:
            break
        number = int(os.pread(note, 8, 0))
        name, arguments = tried[number]
        yield f"{cls.__module__}.{cls.__name__} {name} {arguments}: {status}"
        number += 1
    os.close(note)


if __name__ == "__main__":
    count = 0
    for cls in compiled_classes():
        count += 1
        for line in crashes(cls):
            print(line, flush=True)
    print(f"{count} classes", file=sys.stderr)
