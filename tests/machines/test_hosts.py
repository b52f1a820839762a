"""The short form of hosts.py: servers restarted and killed behind balancers of deploy/."""

import pytest

from .hosts import Hosts, Load, disturb, missing, pull_a_cable

CLIENTS = 12


@pytest.mark.timeout(300)  # 10 to 20 s
@pytest.mark.parametrize("balancer", ["haproxy", "nginx", "caddy-http2"])
def test_nothing_fails_that_could_be_sent_again(balancer):
    if reason := missing(balancer):
        pytest.skip(reason)
    with_haproxy = balancer == "haproxy"
    with Hosts(balancer, silence=2 * with_haproxy) as hosts:
        load = Load(hosts, CLIENTS)
        disturb(hosts, load, restarts=1)
        if with_haproxy:
            pull_a_cable(hosts, load)
        seen, faults, keys = load.stop()
        assert faults == []
        assert seen["GET"] > keys > 0
        assert all(seen[name] > 0 for name in hosts.names)
        # Each key once, also those of requests that were sent again.
        assert hosts.count() == keys == seen["POST"]
