"""Reading the metrics of a server, as Prometheus does."""

import http.client
import socket

from prometheus_client.parser import text_string_to_metric_families
from serving import WAIT


class Side:
    """The address that --metrics opened."""

    def __init__(self, port):
        self.port = port

    def get(self, path, method="GET", **headers):
        """The status, the header fields and the body as text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return response.status, fields, response.read().decode()
        finally:
            connection.close()

    def health(self, path):
        """The status and the line of text."""
        status, _, body = self.get(path)
        return status, body.rstrip("\n")

    def scrape(self):
        status, _, body = self.get("/metrics")
        assert status == 200
        return Samples(body)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), WAIT)


class Samples(dict):
    """Values by name and labels: `samples["workers", "ready"]` is that with state="ready"."""

    def __init__(self, text):
        super().__init__()
        self.families = list(text_string_to_metric_families(text))
        for family in self.families:
            for sample in family.samples:
                name = sample.name.removeprefix("fastserve_")
                self[name, *sample.labels.values()] = sample.value

    def of(self, name):
        """The samples of one metric that are not 0, by labels."""
        return {key[1:]: value for key, value in self.items() if key[0] == name and value}


def side_of(command):
    """Of a command that was started with `--metrics 0`; call it before `port()`."""
    return Side(int(command.expect(r"Metrics and health checks on http://.*:(\d+) ")[1]))
