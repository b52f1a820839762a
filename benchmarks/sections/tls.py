"""TLS 1.3: a small answer and one of 100 KB, over connections that are there."""

import subprocess

from benchmarks.apps.bodies import BODIES
from benchmarks.load import CLIENT, OVER_TLS, Http
from benchmarks.machine import missing_tool, runnable
from benchmarks.results import Section
from benchmarks.rounds import Plan, compare
from benchmarks.servers import TLS, fleet, make_certificate

BASELINE = "uvicorn"
LOADS = [
    Http("TLS hello", tls=True),
    Http("TLS 100 KB", "/100k", expect=BODIES["/100k"], tls=True),
]


def run(plan: Plan) -> Section:
    section = Section("tls", "TLS")
    if reason := missing():
        section.left_out["the whole section"] = reason
        return section
    make_certificate()
    chosen = [each for each in TLS if plan.wants(each.name)]
    with fleet(chosen) as (servers, section.left_out):
        section.tables = compare(plan.loads(LOADS), servers, plan, BASELINE)
    return section


def missing() -> str:
    """Why nobody can be measured here, or nothing."""
    if reason := missing_tool("openssl"):
        return reason
    try:
        runnable(CLIENT, *OVER_TLS)
    except (OSError, subprocess.CalledProcessError):
        return "client.c cannot be compiled with OpenSSL (apt install gcc libssl-dev)"
    return ""
