"""The files for HAProxy, nginx and Caddy: accepted by them, and what clients see through them."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.machines import balancers
from tests.machines.namespaces import Network, unavailable

ROOT = Path(__file__).parents[2]
CHECK = {"haproxy": ["-c"], "nginx": ["-t"]}
FORGED = "192.0.2.1"


@pytest.mark.parametrize("name", balancers.FILES)
def test_the_file_is_accepted(name, tmp_path):
    """The names of the servers need not be known for that."""
    if reason := balancers.missing(name) or unavailable():
        pytest.skip(reason)
    with Network("10.87.0") as network:
        machine = network.machine("balancer")
        command = balancers.command(name, tmp_path)
        if name.startswith("caddy"):
            command[1] = "validate"
        else:
            command += CHECK[command[0]]
        hosts = "".join(f"127.0.0.1 {server}\n" for server in balancers.NAMES)
        tmp_path.joinpath("hosts").write_text(hosts)
        mount = 'mount --bind "$0" /etc/hosts && exec "$@"'
        done = subprocess.run(
            machine.command("unshare", "--mount", "sh", "-c", mount, tmp_path / "hosts", *command),
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert "warn" not in re.sub("input is not formatted.*", "", done.stderr.lower()), done.stderr


class Front:
    """A balancer before one server, which has the names of all three."""

    def __init__(self, name, folder, *options):
        self.network = Network("10.87.0")
        self.name, self.folder, self.options = name, folder, options

    def __enter__(self):
        network = self.network.__enter__()
        try:
            balancer, server = network.machine("balancer"), network.machine("server")
            self.client = network.machine("client")
            self.server = server.start(
                *(sys.executable, "-m", "fastserve", "tests.deploy.shown_app:app"),
                *("--host", "0.0.0.0", "--metrics", "0.0.0.0:9100"),
                *("--forwarded-allow-ips", balancer.address, *self.options),
                cwd=ROOT,
            )
            self.server.expect("running on")
            addresses = dict.fromkeys(balancers.NAMES, server.address)
            self.balancer = balancers.start(balancer, self.name, addresses, self.folder)
            port = balancers.TCP if self.name.endswith("tcp") else balancers.HTTP
            self.address = f"{balancer.address}:{port}"
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        self.network.__exit__()

    def wait(self):
        """Until the balancer listens."""
        with self.client.inside():
            transport = httpx.HTTPTransport(retries=9)  # after 0, 0.5, 1, 2, 4 s and so on
            with httpx.Client(transport=transport, timeout=60, trust_env=False) as http:
                assert http.get(f"http://{self.address}/").status_code == 200

    def get(self, **headers):
        with self.client.inside():
            url = f"http://{self.address}/"
            return httpx.get(url, headers=headers, timeout=60, trust_env=False).json()


def front(name, folder, *options):
    if reason := balancers.missing(name) or unavailable():
        pytest.skip(reason)
    return Front(name, folder, *options)


@pytest.mark.parametrize("name", [name for name in balancers.FILES if "tcp" not in name])
def test_http(name, tmp_path):
    with front(name, tmp_path) as it:
        forged = {
            "X-Forwarded-For": FORGED,
            "X-Forwarded-Proto": "https",
            "Forwarded": f"for={FORGED}",
        }
        seen = it.get(Host="www.example.org", **forged)
        # The client is the one who connected, whatever it says.
        assert seen["client"] == it.client.address
        assert seen["scheme"] == "http"
        assert seen["host"] == "www.example.org"
        assert seen["http_version"] == ("2" if name.endswith("http2") else "1.1")
        if name != "nginx-http2":  # as its file says
            with it.client.inside(), connect(f"ws://{it.address}/", proxy=None) as websocket:
                assert websocket.recv(60) == it.client.address
                websocket.send("again")
                assert websocket.recv(60) == "again"
        events(it)


def events(it):
    """Each event arrives before the next is sent: the application waits for a word of the client."""
    url = f"http://{it.address}"
    with (
        it.client.inside(),
        httpx.Client(timeout=60, trust_env=False) as http,
        http.stream("GET", f"{url}/events") as response,
    ):
        lines = response.iter_lines()
        for number in range(3):
            assert next(line for line in lines if line) == f"data: {number}"
            http.post(f"{url}/next")


@pytest.mark.parametrize("name", [name for name in balancers.FILES if "tcp" in name])
def test_proxy_protocol(name, tmp_path):
    with front(name, tmp_path, "--proxy-protocol") as it:
        seen = it.get(**{"X-Forwarded-For": FORGED})
        assert seen["client"] == it.client.address
