"""Programs that use uvicorn as a library; `server` is uvicorn or fastserve."""

import asyncio
import contextlib
import copy
import http.client
import io
import logging
import os
import signal
import socket
import ssl
import threading
import time
from pathlib import Path

CERT = Path(__file__).parents[1] / "tls" / "cert.pem"
KEY = CERT.with_name("key.pem")
WAIT = 30

PROGRAMS = {}
DIFFERENT = {}  # programs whose outcomes differ: keys of DIFFERENCES in docs/uvicorn_differences.py


def program(differs=""):
    def add(function):
        name = function.__name__.replace("_", " ")
        PROGRAMS[name] = function
        if differs:
            DIFFERENT[name] = differs
        return function

    return add


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/hang":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"hello", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def fails(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed"})


def get(port, path="/", context=None):
    if context is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=WAIT, context=context)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def fetch(port, path="/"):
    return asyncio.to_thread(get, port, path)


def port_of(server):
    return server.servers[0].sockets[0].getsockname()[1]


@contextlib.contextmanager
def in_a_thread(server, **options):
    """As a fixture of pytest does it."""
    thread = threading.Thread(target=server.run, kwargs=options)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.001)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(WAIT)
        assert not thread.is_alive()


async def until_started(server, task=None):
    while not server.started:
        assert task is None or not task.done()
        await asyncio.sleep(0.001)


def quiet(package, application=app, **options):
    return package.Config(application, port=0, **{"log_level": "error", **options})


def listener():
    return socket.create_server(("127.0.0.1", 0))


# Options


def told(config, *names):
    return {name: getattr(config, name) for name in names}


@program()
def an_address(server):
    return told(server.Config(app, host="0.0.0.0", port=80), "host", "port")


@program()
def the_app_by_keyword(server):
    return told(server.Config(app="a:b", port=80), "app", "port")


@program()
def an_address_without_keywords(server):
    return told(server.Config("a:b", "0.0.0.0", 80), "host", "port")


@program()
def no_limits(server):
    config = server.Config(
        app,
        limit_concurrency=None,
        limit_max_requests=None,
        ws_ping_interval=None,
        ws_ping_timeout=None,
        timeout_graceful_shutdown=None,
        h11_max_incomplete_event_size=None,
    )
    limits = told(config, "limit_concurrency", "limit_max_requests", "ws_ping_interval")
    return {name: value or None for name, value in limits.items()}, told(
        config, "timeout_graceful_shutdown", "h11_max_incomplete_event_size"
    )


@program()
def nothing_given(server):
    config = server.Config(
        app,
        uds=None,
        fd=None,
        env_file=None,
        log_level=None,
        use_colors=None,
        reload_dirs=None,
        reload_includes=None,
        reload_excludes=None,
        workers=None,
        forwarded_allow_ips=None,
        ssl_keyfile=None,
        ssl_certfile=None,
        ssl_keyfile_password=None,
        ssl_ca_certs=None,
        headers=None,
        callback_notify=None,
        ssl_context_factory=None,
    )
    return told(config, "uds", "fd", "use_colors", "workers", "forwarded_allow_ips", "ssl_certfile")


@program()
def timeouts(server):
    config = server.Config(app, timeout_keep_alive=30, timeout_graceful_shutdown=10)
    return told(config, "timeout_keep_alive", "timeout_graceful_shutdown")


@program()
def headers(server):
    config = quiet(server, headers=[("X-One", "1"), ("x-two", "2")], server_header=False)
    with in_a_thread(running := server.Server(config)):
        connection = http.client.HTTPConnection("127.0.0.1", port_of(running), timeout=WAIT)
        connection.request("GET", "/")
        fields = connection.getresponse().headers
        connection.close()
    return fields["x-one"], fields["x-two"], fields["server"]


@program()
def log_level_as_a_number(server):
    server.Config(app, log_level=logging.WARNING)
    return True


@program()
def log_level_in_capitals(server):
    server.Config(app, log_level="WARNING")
    return True


@program()
def lists_of_proxies(server):
    found = server.Config(app, forwarded_allow_ips=["10.0.0.1", "10.0.0.2"]).forwarded_allow_ips
    return found.split(",") if isinstance(found, str) else found


@program()
def folders_to_watch(server):
    server.Config("a:b", reload=True, reload_dirs=".")
    server.Config("a:b", reload=True, reload_dirs=["."], reload_includes=["*.html"])
    return server.Config("a:b", reload=True, reload_excludes="*.html").reload


@program()
def paths(server):
    config = server.Config(app, ssl_certfile=CERT, ssl_keyfile=KEY)
    return config.is_ssl, str(config.ssl_certfile) == str(CERT)


@program()
def client_certificates_by_enum(server):
    server.Config(app, ssl_certfile=CERT, ssl_ca_certs=CERT, ssl_cert_reqs=ssl.CERT_REQUIRED)
    return True


@program()
def version_of_tls_by_enum(server):
    return int(server.Config(app, ssl_version=ssl.PROTOCOL_TLS_SERVER).ssl_version)


@program()
def names_of_implementations(server):
    server.Config(app, http="httptools", ws="websockets", loop="uvloop", interface="asgi3")
    server.Config(app, http="h11", ws="wsproto", loop="asyncio", lifespan="on")
    server.Config(app, ws="none", loop="none")
    return True


@program()
def a_loop_by_name(server):
    factory = server.Config(app, loop="asyncio:SelectorEventLoop").get_loop_factory()
    loop = factory()
    loop.close()
    return type(loop).__name__


@program()
def an_environment_file(server):
    file = Path("names.env")
    file.write_text("NAMES_PROGRAM=set\n")
    try:
        server.Config(app, env_file=file)
    finally:
        file.unlink()
    return os.environ.pop("NAMES_PROGRAM", None)


@program()
def load(server):
    config = server.Config(app, interface="asgi3")
    if not config.loaded:
        config.load()
    return config.loaded


@program(differs="a wrong keyword")
def a_wrong_keyword(server):
    try:
        server.Config(app, prot=80)
    except (TypeError, ValueError) as error:
        return type(error).__name__
    return None


@program(differs="values are checked at once")
def a_wrong_value(server):
    try:
        server.Config(app, lifespan="maybe", log_config=None)
    except (LookupError, ValueError) as error:
        return type(error).__name__
    return None


@program(differs="a config cannot be changed")
def a_changed_config(server):
    config = server.Config(app)
    try:
        config.port = 81
    except AttributeError as error:
        return type(error).__name__
    return config.port


@program(differs="protocol classes")
def a_protocol_class(server):
    try:
        server.Config(app, http=asyncio.Protocol)
    except ValueError:
        return "refused"
    return "accepted"


# Embedding


@program()
def a_thread(server):
    with in_a_thread(running := server.Server(quiet(server))):
        return get(port_of(running))


@program()
def a_thread_without_signal_handlers(server):
    class Threaded(server.Server):
        def install_signal_handlers(self):
            pass

        @contextlib.contextmanager
        def run_in_thread(self):
            thread = threading.Thread(target=self.run)
            thread.start()
            try:
                while not self.started:
                    time.sleep(0.001)
                yield
            finally:
                self.should_exit = True
                thread.join(WAIT)

    running = Threaded(config=quiet(server))
    with running.run_in_thread():
        return get(port_of(running))


@program()
def a_task(server):
    async def main():
        running = server.Server(quiet(server))
        task = asyncio.create_task(running.serve())
        await until_started(running, task)
        answer = await fetch(port_of(running))
        running.should_exit = True
        await task
        return answer

    return asyncio.run(main())


@program()
def beside_other_tasks(server):
    async def main():
        running = server.Server(quiet(server))

        async def other():
            await until_started(running)
            answer = await fetch(port_of(running))
            running.should_exit = True
            return answer

        return await asyncio.gather(running.serve(), other())

    return asyncio.run(main())


@program()
def in_a_task_group(server):
    async def main():
        running = server.Server(quiet(server))
        async with asyncio.TaskGroup() as group:
            group.create_task(running.serve())
            await until_started(running)
            answer = await fetch(port_of(running))
            running.should_exit = True
        return answer

    return asyncio.run(main())


@program()
def a_cancelled_task(server):
    async def main():
        running = server.Server(quiet(server))
        task = asyncio.create_task(running.serve())
        await until_started(running, task)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"
        return "ended"

    return asyncio.run(main())


@program()
def two_servers_in_a_loop(server):
    async def main():
        pair = [server.Server(quiet(server)) for _ in range(2)]
        tasks = [asyncio.create_task(each.serve()) for each in pair]
        for each in pair:
            await until_started(each)
        answers = [await fetch(port_of(each)) for each in pair]
        for each in pair:
            each.should_exit = True
        await asyncio.gather(*tasks)
        return answers

    return asyncio.run(main())


@program()
def sockets_of_the_program(server):
    async def main():
        sock = listener()
        port = sock.getsockname()[1]
        running = server.Server(quiet(server))
        task = asyncio.create_task(running.serve(sockets=[sock]))
        await until_started(running, task)
        answer = await fetch(port)
        running.should_exit = True
        await task
        return answer, sock.fileno()

    return asyncio.run(main())


@program()
def run_on_sockets(server):
    sock = listener()
    running = server.Server(quiet(server))
    with in_a_thread(running, sockets=[sock]):
        return get(sock.getsockname()[1])


@program()
def bind_socket(server):
    config = quiet(server)
    sock = config.bind_socket()
    with in_a_thread(server.Server(config), sockets=[sock]):
        return get(sock.getsockname()[1])


@program()
def startup_main_loop_and_shutdown(server):
    async def main():
        config = quiet(server)
        if not config.loaded:
            config.load()
        running = server.Server(config)
        if hasattr(config, "lifespan_class"):  # uvicorn's own serve() does that
            running.lifespan = config.lifespan_class(config)
        await running.startup()
        task = asyncio.create_task(running.main_loop())
        answer = await fetch(port_of(running))
        running.should_exit = True
        await task
        await running.shutdown()
        return answer, running.started

    return asyncio.run(main())


@program()
def an_event_at_startup(server):
    class Telling(server.Server):
        async def startup(self, sockets=None):
            await super().startup(sockets=sockets)
            ready.set()

    ready = threading.Event()
    running = Telling(quiet(server))
    thread = threading.Thread(target=running.run)
    thread.start()
    assert ready.wait(WAIT)
    answer = get(port_of(running))
    running.should_exit = True
    thread.join(WAIT)
    return answer


@program()
def something_at_shutdown(server):
    class Telling(server.Server):
        async def shutdown(self, sockets=None):
            ends.append("before")
            await super().shutdown(sockets=sockets)
            ends.append("after")

    ends = []
    with in_a_thread(Telling(quiet(server))):
        pass
    return ends


@program()
def a_restart(server):
    """As in the tests of HTTP clients."""

    class Restarting(server.Server):
        def install_signal_handlers(self):
            pass

        async def serve(self, sockets=None):
            self.restart_requested = asyncio.Event()
            loop = asyncio.get_event_loop()
            tasks = {
                loop.create_task(super().serve(sockets=sockets)),
                loop.create_task(self.watch_restarts()),
            }
            await asyncio.wait(tasks)

        async def watch_restarts(self):
            while not self.should_exit:
                try:
                    await asyncio.wait_for(self.restart_requested.wait(), timeout=0.01)
                except TimeoutError:
                    continue
                self.restart_requested.clear()
                await self.shutdown()
                await self.startup()
                restarted.set()

    restarted = threading.Event()
    running = Restarting(quiet(server))
    with in_a_thread(running):
        first = get(port_of(running))
        running.restart_requested.set()
        assert restarted.wait(WAIT)
        return first, get(port_of(running))


@program()
def a_stop_before_the_start(server):
    async def main():
        running = server.Server(quiet(server, lifespan="off"))
        running.should_exit = True
        await running.serve()
        return True

    return asyncio.run(main())


@program(differs="a stop during startup")
def a_stop_during_the_startup(server):
    async def main():
        entered, release, ended = asyncio.Event(), asyncio.Event(), []

        async def slow(scope, receive, send):
            await receive()
            entered.set()
            await release.wait()
            ended.append("started")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

        running = server.Server(quiet(server, slow))
        task = asyncio.create_task(running.serve())
        await entered.wait()
        running.should_exit = True
        for _ in range(5):
            await asyncio.sleep(0)
        release.set()
        await task
        return ended

    return asyncio.run(main())


@program()
def workers_without_run(server):
    """Who serves by itself may have an application that is not a string."""
    with in_a_thread(running := server.Server(quiet(server, workers=2))):
        return get(port_of(running))


@program()
def log_level_of_0(server):
    server.Config(app, log_level=0)
    return True


@program()
def a_module_that_runs_a_loop(server):
    """run() imports it before there is one."""
    sock = listener()
    port = sock.getsockname()[1]

    def interrupt():
        with contextlib.suppress(OSError):
            answers.append(get(port))
        os.kill(os.getpid(), signal.SIGINT)

    answers = []
    thread = threading.Thread(target=interrupt)
    thread.start()
    server.run("uvicorn_names.looping:app", fd=sock.fileno(), log_level="error")
    thread.join()
    sock.close()
    return answers


@program()
def force_exit(server):
    running = server.Server(quiet(server))
    with in_a_thread(running):
        connection = http.client.HTTPConnection("127.0.0.1", port_of(running), timeout=WAIT)
        connection.request("GET", "/hang")
        first = connection.getresponse().read(5)
        running.force_exit = True
    connection.close()
    return first.decode()


@program()
def handle_exit(server):
    async def main():
        running = server.Server(quiet(server))
        task = asyncio.create_task(running.serve())
        await until_started(running, task)
        # Not captured, or serve() would raise it again.
        with contextlib.suppress(KeyboardInterrupt):
            running.handle_exit(signal.SIGINT, None)
            assert running.should_exit
            await task
        return running.should_exit

    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(main())
    return True


@program()
def without_signals(server):
    async def main():
        running = server.Server(quiet(server))
        running.capture_signals = contextlib.nullcontext
        task = asyncio.create_task(running.serve())
        await until_started(running, task)
        handler = signal.getsignal(signal.SIGTERM)
        running.should_exit = True
        await task
        return handler is signal.SIG_DFL

    return asyncio.run(main())


@program()
def run_until_interrupted(server):
    """run() in the main thread returns after CTRL+C."""
    sock = listener()

    def interrupt():
        with contextlib.suppress(OSError):
            get(port)
        os.kill(os.getpid(), signal.SIGINT)

    port = sock.getsockname()[1]
    thread = threading.Thread(target=interrupt)
    thread.start()
    server.run(app, fd=sock.fileno(), log_level="error")
    thread.join()
    sock.close()
    return True


@program()
def limit_max_requests(server):
    running = server.Server(quiet(server, limit_max_requests=2))
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.001)
    port = port_of(running)
    answers = [get(port) for _ in range(2)]
    thread.join(WAIT)
    return answers, thread.is_alive()


@program(differs="limit_concurrency")
def limit_concurrency(server):
    with in_a_thread(running := server.Server(quiet(server, limit_concurrency=2))):
        port = port_of(running)
        idle = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
        idle.request("GET", "/")
        first = idle.getresponse()
        first.read()
        second, _ = get(port)
        idle.close()
    return first.status, second


@program()
def callback_notify(server):
    async def notify():
        called.set()

    called = threading.Event()
    with in_a_thread(server.Server(quiet(server, callback_notify=notify, timeout_notify=1))):
        return called.wait(WAIT)


@program()
def tls(server):
    config = quiet(server, ssl_certfile=str(CERT), ssl_keyfile=str(KEY))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with in_a_thread(running := server.Server(config)):
        return get(port_of(running), context=context)


@program()
def a_context_of_the_program(server):
    def make(config, default):
        context = default()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    config = quiet(server, ssl_certfile=CERT, ssl_keyfile=KEY, ssl_context_factory=make)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with in_a_thread(running := server.Server(config)):
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port_of(running), timeout=WAIT, context=context
        )
        connection.connect()
        version = connection.sock.version()
        connection.close()
    return version


def failure(run):
    try:
        run()
    except (SystemExit, Exception) as error:
        return type(error).__name__
    return None


@program(differs="exceptions of a failed start")
def a_failed_startup(server):
    return failure(server.Server(quiet(server, fails, log_config={"version": 1})).run)


@program(differs="exceptions of a failed start")
def a_port_in_use(server):
    with listener() as other:
        options = {"port": other.getsockname()[1], "log_config": {"version": 1}}
        return failure(lambda: server.run(app, **options))


@program(differs="exceptions of a failed start")
def an_app_that_does_not_exist(server):
    return failure(lambda: server.run("nowhere:app", log_config={"version": 1}))


# Logging


class Messages(logging.Handler):
    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())

    def holds(self, text):
        return any(text in each for each in self.texts)


def visited(server, **options):
    """What a server prints on standard output about GET /seen and GET /health."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        running = server.Server(server.Config(app, port=0, **options))
        with in_a_thread(running):
            get(port_of(running), "/seen")
            get(port_of(running), "/health")
    return ["/seen" in out.getvalue(), "/health" in out.getvalue()]


@program()
def the_access_log(server):
    return visited(server)


@program()
def no_access_log(server):
    return visited(server, access_log=False)


@program()
def a_filter_of_the_access_log(server):
    class NotHealth(logging.Filter):
        def filter(self, record):
            return record.args[2] != "/health"

    logging.getLogger("uvicorn.access").addFilter(NotHealth())
    return visited(server)


def is_logged_after(server, change):
    """Whether a request is, when the program changes uvicorn's logger."""
    config = server.Config(app, port=0)
    change(logging.getLogger("uvicorn.access"))
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        in_a_thread(running := server.Server(config)),
    ):
        get(port_of(running), "/seen")
    return "/seen" in out.getvalue()


@program()
def the_access_log_disabled(server):
    def disable(logger):
        logger.disabled = True

    return is_logged_after(server, disable)


@program()
def the_level_of_the_access_log(server):
    return is_logged_after(server, lambda logger: logger.setLevel(logging.WARNING))


@program()
def logging_of_the_program(server):
    """log_config=None: all goes where the program's root logger sends it."""
    messages = Messages()
    root = logging.getLogger()
    root.addHandler(messages)
    level = root.level
    root.setLevel(logging.INFO)
    try:
        printed = visited(server, log_config=None)
    finally:
        root.removeHandler(messages)
        root.setLevel(level)
    return messages.holds("/seen"), messages.holds("running on"), printed


@program()
def a_changed_logging_config(server):
    config = copy.deepcopy(server.config.LOGGING_CONFIG)
    config["formatters"]["access"]["fmt"] = "%(client_addr)s %(request_line)s %(status_code)s"
    config["formatters"]["access"]["use_colors"] = False
    with contextlib.redirect_stdout(io.StringIO()) as out:
        running = server.Server(server.Config(app, port=0, log_config=config))
        with in_a_thread(running):
            get(port_of(running), "/seen")
    client, _, line = out.getvalue().partition(" ")
    return client.partition(":")[0], line


@program()
def messages_of_the_app(server):
    """Applications log to uvicorn's logger to have their messages shown."""
    handler = Messages()
    running = server.Server(server.Config(app, port=0))
    with in_a_thread(running):
        logger = logging.getLogger("uvicorn.error")
        return logger.isEnabledFor(logging.INFO), logger.hasHandlers(), handler.texts
