"""The metrics around an app of the tests that can hold a request."""

from apps import app as inner

from examples.observed.metrics import Metrics

app = Metrics(inner)
