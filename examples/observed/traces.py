"""Traces with OpenTelemetry: to a collector, to the terminal, or none.

OTEL_EXPORTER_OTLP_ENDPOINT names the collector, OTEL_TRACES_EXPORTER=console is the terminal.
OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and others have their usual meaning.
"""

import asyncio
import contextlib
import os

try:
    from opentelemetry import trace
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import (
        BatchSpanProcessor,
        ConsoleSpanExporter,
        SimpleSpanProcessor,
    )
except ImportError:
    trace = None

UNTRACED = "healthz,readyz,metrics"  # asked every few seconds, and of no interest


class Traces:
    """A span around each request, as part of the trace that `traceparent` names."""

    def __init__(self, app):
        self.app, self.provider = app, None
        if trace is None:
            return
        os.environ.setdefault("OTEL_SERVICE_NAME", "observed")
        self.provider = TracerProvider()
        for processor in processors():
            self.provider.add_span_processor(processor)
        trace.set_tracer_provider(self.provider)
        # A span for each message of a request would be too much.
        self.app = OpenTelemetryMiddleware(
            app,
            excluded_urls=UNTRACED,
            exclude_spans=["receive", "send"],
            tracer_provider=self.provider,
        )

    async def __call__(self, scope, receive, send):
        if scope["type"] != "lifespan":
            return await self.app(scope, receive, send)

        async def flushing_send(message):
            if message["type"] == "lifespan.shutdown.complete" and self.provider is not None:
                await asyncio.to_thread(self.provider.shutdown)  # sends what is left
            await send(message)

        return await self.app(scope, receive, flushing_send)


def processors():
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        yield BatchSpanProcessor(OTLPSpanExporter())
    if os.environ.get("OTEL_TRACES_EXPORTER") == "console":
        yield SimpleSpanProcessor(ConsoleSpanExporter(formatter=one_line))


def one_line(span):
    return span.to_json(indent=None) + "\n"


def trace_id():
    """Of the current request, as text; None outside of one."""
    context = trace.get_current_span().get_span_context() if trace else None
    return f"{context.trace_id:032x}" if context and context.is_valid else None


def span(name):
    """A part of the current request, in `with`."""
    return (
        trace.get_tracer(__name__).start_as_current_span(name)
        if trace
        else contextlib.nullcontext()
    )


def note_failure(error):
    """That the current request failed, in its span."""
    if trace:
        trace.get_current_span().record_exception(error)
