"""Why a test of uvicorn's does not pass on fastserve."""

import re
from dataclasses import dataclass

KINDS = {
    "choice": "fastserve does something else, and means to",
    "words": "the text of a log line, of an error or of a response of the server's own differs",
    "inside": "the test looks at attributes, functions or calls inside uvicorn",
    "open": "a difference that is to go",
}


@dataclass(frozen=True)
class Reason:
    kind: str
    tests: str  # a regular expression over "tests/file::function[parameters]"
    text: str

    def matches(self, name: str) -> bool:
        return re.search(self.tests, name) is not None


def choice(tests: str, text: str) -> Reason:
    return Reason("choice", tests, text)


def words(tests: str, text: str) -> Reason:
    return Reason("words", tests, text)


def inside(tests: str, text: str) -> Reason:
    return Reason("inside", tests, text)


def still_open(tests: str, text: str) -> Reason:
    return Reason("open", tests, text)


# The first that matches counts.
REASONS = (
    # HTTP
    choice(
        r"test_http.py::test_(invalid_header_name|response_header_splitting"
        r"|partial_response_returned|duplicate_start_message)",
        "The app fails before anything was sent: the client gets a 500, where uvicorn closes the "
        "connection without a word.",
    ),
    choice(
        r"test_http.py::test_(message_after_body_complete|value_returned)",
        "The app fails after its whole response: the failure is logged, and the connection, which "
        "is in order, stays open for the next request.",
    ),
    choice(
        r"test_keepalive_timeout\[",
        "`timeout_keep_alive` is 65 s by default, more than the 60 s after which load balancers "
        "give up an idle connection; uvicorn's 5 s can be set.",
    ),
    inside(r"test_keepalive_timeout_with_pipelined", "The protocol's timer as an attribute."),
    choice(
        r"test_chunked_encoding(_empty_body)?\[",
        "The app sets Transfer-Encoding: framing is the server's, so the field is dropped; a body "
        "in one message gets a Content-Length.",
    ),
    choice(
        r"test_large_post_request",
        "The request has arrived whole, so there is nothing to gain from not reading on.",
    ),
    choice(
        r"test_max_concurrency",
        "`limit_concurrency=1` admits one request; uvicorn counts the connection too, and refuses "
        "the first.",
    ),
    choice(
        r"test_shutdown_during_idle",
        "At a stop an idle connection is closed after a second: a request may be on its way.",
    ),
    choice(
        r"test_100_continue_sent_when_body_consumed",
        "No 100 Continue when the body has arrived already (RFC 9110 10.1.1).",
    ),
    choice(
        r"test_http.py::test_scopes",
        "`spec_version` is 2.5, with OSError from `send()` after a disconnect; `version` is that "
        "of the server's interface, 3.0, for an ASGI 2 application too.",
    ),
    choice(
        r"test_huge_headers_(h11protocol_failure|httptools)",
        "Heads are limited with either parser, to 64 KiB in all and 16 KiB for a field; past that "
        "the answer is 431, not 400.",
    ),
    choice(
        r"test_huge_headers_h11_max_incomplete",
        "The limit holds for the whole head, also when its end has arrived.",
    ),
    choice(r"test_httptools_http10_keep_alive_disabled", "HTTP/1.0 clients can keep alive."),
    still_open(
        r"test_connection_close_tokens.*response-multiple-tokens",
        "The app's `Connection: keep-alive, Close` is followed by a second `connection: close`.",
    ),
    inside(r"test_unsupported_ws_upgrade_request_warn_on_auto", "The protocol's WebSocket class."),
    words(r"test_http.py::test_invalid_http_request", "The 400 says what is invalid."),
    words(
        r"test_header_upgrade_is_(not_)?websocket",
        "An upgrade that is not WebSocket is ignored without a warning (RFC 9110 7.8).",
    ),
    # WebSocket
    choice(
        r"test_websocket.py::test_(asgi_return_value|close_transport_on_asgi_return)",
        "The app returns without a close: the client gets close code 1000, not a lost connection.",
    ),
    choice(
        r"test_websocket.py::test_duplicate_handshake",
        "The app fails after it has accepted: the client gets close code 1011, not a lost "
        "connection.",
    ),
    choice(
        r"test_websocket.py::test_(connection_lost_before_handshake_complete"
        r"|server_reject_connection(_with_response|_with_multibody_response)?)\[",
        "`websocket.disconnect` has a `reason` also where it is empty.",
    ),
    choice(
        r"test_send_close_on_server_shutdown",
        "The close at a stop has a reason: service restart.",
    ),
    choice(
        r"test_send_binary_data_to_server_bigger_than_default_on_websockets",
        "After close code 1009 the server hangs up (RFC 6455 7.1.7); the client's library then "
        "fails in its own close().",
    ),
    words(r"test_server_reject_connection_with_invalid_status", "The text of the 500."),
    inside(
        r"test_(frame_after_close_handshake_is_ignored|server_keepalive_ping_pong"
        r"|server_keepalive_disabled)",
        "`Server.server_state` and the protocols in it.",
    ),
    choice(
        r"test_websocket.py::test_(default_server_headers|multiple_server_header)",
        "`Server: fastserve`; a Server header of your own replaces it, as on HTTP.",
    ),
    choice(
        r"test_server_keepalive_ping_timeout|test_close_gives_up_when_the_peer_never_replies",
        "Deadlines of WebSockets are looked at once a second.",
    ),
    choice(
        r"test_send_respects_write_backpressure",
        "`send()` gives the message to the transport, then waits until its buffer has room.",
    ),
    choice(
        r"test_close_resumes_reads_paused_on_an_unconsumed_message",
        "Reading pauses after 32 messages (`ws_max_queue`) that the app has not taken, not after "
        "one.",
    ),
    choice(
        r"test_shutdown_while_the_close_reply_is_pending",
        "A close that has begun is waited for at a stop too, up to `ws_close_timeout`.",
    ),
    # Config
    inside(
        r"test_config.py::test_(config_should_reload_is_set|config_use_subprocess"
        r"|should_warn_on_invalid_reload_configuration|wsgi_app|proxy_headers|concrete_http_class"
        r"|asgi_version|setup_event_loop_is_removed|get_loop_factory)",
        "`Config.should_reload`, `use_subprocess`, `loaded_app`, `http_protocol_class`, "
        "`asgi_version`, `get_loop_factory`, `setup_event_loop`.",
    ),
    inside(
        r"test_config.py::test_(reload_(dir|subdir|excluded|includes)\w*|non_existant_reload_dir)",
        "`Config.reload_dirs` as paths, without those inside others: ours are resolved when "
        "watching begins.",
    ),
    inside(
        r"test_config.py::test_log_config_(default|json|yaml|pathlike|file)",
        "What is passed to `open()` and to `logging.config`.",
    ),
    choice(
        r"test_config.py::test_app_(unimportable_module|unimportable_other|factory)",
        "`Config.load()` does nothing: the application is imported when the server starts.",
    ),
    choice(
        r"test_(run_invalid_app_config_combination|run_exits_with_startup_failure_on_unloadable_app"
        r"|run_startup_failure|exit_on_create_server_with_invalid_host"
        r"|custom_loop__not_importable)",
        "A program that embeds the server gets an exception with the reason (`StartError`, "
        "`ConfigError`), not SystemExit.",
    ),
    inside(r"test_http2_requires_zttp_protocol", "uvicorn's HTTP/2 needs zttp."),
    choice(
        r"test_config.py::test_env_file",
        "`WEB_CONCURRENCY` counts for an application named as MODULE:ATTRIBUTE only; reading the "
        "file is not logged.",
    ),
    inside(
        r"test_config.py::test_config_(access_log|log_level\[)",
        "Handlers and levels of uvicorn's loggers: the access log is not written by `logging` "
        "unless you ask for it.",
    ),
    still_open(
        r"test_config_log_effective_level\[\d+-0\]",
        "`log_level=0` means info; uvicorn then leaves the levels of `log_config` alone.",
    ),
    words(
        r"test_warn_when_using_reload_and_workers",
        "`reload` with `workers`: the log does not say that one process is enough.",
    ),
    choice(
        r"test_ws_websockets_emits_deprecation_warning",
        "`ws=` names of other implementations mean ours.",
    ),
    # Lifespan
    words(
        r"test_lifespan_with_failed_(startup|shutdown)",
        "The application's message stands in the error, not in a line of its own.",
    ),
    choice(
        r"test_lifespan_scope_asgi3app",
        "`lifespan=on`: an application that returns without `lifespan.startup.complete` does not "
        "start.",
    ),
    # Middleware
    choice(
        r"test_forwarded_hosts\[some-literal",
        "Trusted proxies are addresses, networks, `unix` or `*`; other words are an error.",
    ),
    choice(
        r"test_proxy_headers_(trusted_hosts_malformed|invalid_x_forwarded_for"
        r"|x_forwarded_for_port_shapes)",
        "`client` is the nearest valid address that was reported; what is not an address never "
        "becomes the client.",
    ),
    inside(r"test_build_environ_encoding", "a2wsgi makes the environ."),
    words(
        r"test_(trace_logging|default_logging|running_log_using|message_logger"
        r"|server_start_with_port_zero)",
        "Lines of the log.",
    ),
    choice(r"test_default_headers.py", "`Server: fastserve`."),
    # run() and Server
    inside(
        r"test_run_(fails_fast_in_parent_on_bad_app_path|imports_app_before_starting_event_loop)",
        "The tests replace `Server.run`, which imports the application before the loop runs here.",
    ),
    inside(
        r"test_run_match_config_params", "The signature of `run`: ours takes Config's keywords."
    ),
    inside(r"test_deprecated_server_state_from_main", "`uvicorn.main.ServerState`."),
    choice(
        r"test_shutdown_on_early_exit_during_startup",
        "A stop during startup cancels the application's lifespan call, which runs its `finally`; "
        "uvicorn waits for the startup to end.",
    ),
    words(r"test_request_than_limit_max_requests_warn_log", "limit_max_requests reached, stopping"),
    inside(r"test_limit_max_requests_jitter", "`Server.limit_max_requests`."),
    inside(
        r"test_ssl.py::test_(ssl_context_factory_mutates_default|ssl_ciphers_applied_when_set"
        r"|default_ssl_context_factory_requires_ssl_certfile"
        r"|ssl_context_factory_must_return_ssl_context)",
        "`Config.ssl` after `Config.load()`: the context is made when the server starts.",
    ),
    words(r"test_importer.py", "What the error says."),
)
