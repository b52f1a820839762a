"""The short form of push_cluster.py: some hundred clients, every server restarted, killed or cut off."""

import pytest

from .push_cluster import (
    Cluster,
    Crowd,
    Publisher,
    disturb,
    expected,
    gather,
    missing,
    pull_a_cable,
    restart_redis,
    total,
)

REASON = missing()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
CLIENTS, GROUPS = 300, 5


@pytest.mark.timeout(240)  # ten seconds on a machine that has nothing else to do
def test_each_message_comes_once_and_in_order_while_servers_go_and_come():
    with Cluster() as cluster:
        crowd = Crowd(cluster, CLIENTS, GROUPS, processes=1)
        crowd.wait_whole()
        publisher = Publisher(cluster, GROUPS, rate=20)
        disturb(cluster, crowd)
        pull_a_cable(cluster, crowd)
        restart_redis(cluster, crowd)
        last = publisher.stop()
        reports = crowd.finish(last)
    assert publisher.faults == []
    assert gather(reports, "faults") == {}
    assert total(reports, "messages") == expected(last, CLIENTS, GROUPS) > 0
    closed = gather(reports, "closed")
    assert closed["1012"] >= CLIENTS  # each server was restarted
    assert closed["1006"] > 0  # and one was killed
