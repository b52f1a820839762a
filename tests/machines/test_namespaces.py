"""The machines of these tests: they reach each other and nothing else, and nothing remains."""

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .namespaces import NAMES, PREFIX, WAIT, Network, remove_stale, unavailable

REASON = unavailable()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
ROOT = Path(__file__).parents[2]
ECHO = """
import socket, sys
listener = socket.create_server((sys.argv[1], 7))
print("ready", flush=True)
while True:
    peer, address = listener.accept()
    peer.sendall(address[0].encode())
    peer.close()
"""
KILLED = """
import sys
from tests.machines.namespaces import Network
network = Network().__enter__()
process = network.machine("a").start("sh", "-c", "echo ready; exec sleep 600")
process.expect("ready")
print("started", process.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def network():
    with Network() as network:
        yield network


def call(machine):
    with socket.create_connection((machine.address, 7), WAIT) as connection:
        return connection.recv(100).decode()


def test_machines_reach_each_other(network):
    server, client = network.machine("server"), network.machine("client")
    server.start(sys.executable, "-c", ECHO, server.address).expect("ready")
    with client.inside():
        assert call(server) == client.address
    with server.inside():
        assert call(server) == server.address
    assert server.address in server.run("ip", "address", "show", "dev", "eth0")
    assert network.machine("server") is server


def test_a_socket_remains_where_it_was_opened(network):
    server, client = network.machine("server"), network.machine("client")
    server.start(sys.executable, "-c", ECHO, server.address).expect("ready")
    with client.inside():
        connection = socket.socket()
    with connection:
        connection.connect((server.address, 7))
        assert connection.recv(100).decode() == client.address


def test_a_machine_that_is_killed_refuses_and_one_that_is_unplugged_is_silent(network):
    server, client = network.machine("server"), network.machine("client")
    server.start(sys.executable, "-c", ECHO, server.address).expect("ready")
    with client.inside():
        server.unplug()
        connection = socket.socket()
        connection.settimeout(0.1)
        with connection, pytest.raises(OSError, match=r"timed out|No route"):
            connection.connect((server.address, 7))
        server.plug()
        assert call(server) == client.address
        server.kill()
        with pytest.raises(ConnectionRefusedError):
            call(server)
    assert server.pids() == []


def test_nothing_remains(network):
    machine = network.machine("a")
    process = machine.start("sleep", "600")
    network.__exit__()
    assert process.wait() == -signal.SIGKILL
    assert not (NAMES / machine.namespace).exists()


def test_nothing_remains_of_a_test_that_is_killed():
    with subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as killed:
        pid = int(killed.stdout.readline().split()[1])
        sleeper = os.pidfd_open(pid)
        killed.kill()
    assert select.select([sleeper], [], [], WAIT)[0], "it is still running"
    os.close(sleeper)
    remove_stale()
    assert not list(NAMES.glob(f"{PREFIX}-{killed.pid}-*"))
