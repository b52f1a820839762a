"""The balancers of deploy/, run from their files as they stand.

The files name servers web1, web2 and web3; those names are in a hosts file that only the balancer
sees.
"""

import os
import re
import shutil
from pathlib import Path

from .namespaces import Machine, Process

DEPLOY = Path(__file__).parents[2] / "deploy"
NAMES = ("web1", "web2", "web3")
HTTP, TCP = 8080, 8443  # the ports of the files
FILES = {
    "haproxy": "haproxy/haproxy.cfg",
    "haproxy-http2": "haproxy/haproxy.cfg",
    "haproxy-tcp": "haproxy/tcp.cfg",
    "nginx": "nginx/fastserve.conf",
    "nginx-http2": "nginx/http2.conf",
    "nginx-tcp": "nginx/tcp.conf",
    "caddy": "caddy/Caddyfile",
    "caddy-http2": "caddy/http2.Caddyfile",
}
STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
NGINX = """
{modules}
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_processes 1;
events {{ worker_connections 1024; }}
{content}
"""
NGINX_HTTP = """
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {file};
}}
"""


def missing(name: str) -> str | None:
    """What this balancer needs and this machine does not have."""
    program = name.partition("-")[0]
    if shutil.which(program) is None:
        return f"{program} is not installed"
    if name == "nginx-tcp" and not STREAM.exists():
        return "nginx has no stream module"
    return None


def start(
    machine: Machine, name: str, addresses: dict[str, str], folder: Path, silence: int = 0
) -> Process:
    """Start the balancer of that name, with the servers at `addresses`.

    `silence`: seconds that HAProxy waits for a server, in place of the file's.
    """
    hosts = folder / "hosts"
    lines = [f"{address} {server}" for server, address in addresses.items()]
    hosts.write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
    mount = 'mount --bind "$0" /etc/hosts && exec "$@"'
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return machine.start(
        *("unshare", "--mount", "sh", "-c", mount, hosts, *command(name, folder, silence)),
        env=environment,
    )


def command(name: str, folder: Path, silence: int = 0) -> list[str]:
    """The command that runs it in the foreground. What it writes is in `folder`."""
    file = DEPLOY / FILES[name]
    if name.startswith("haproxy"):
        return haproxy(file, folder, name.endswith("http2"), silence)
    if name.startswith("nginx"):
        return nginx(file, folder, name.endswith("tcp"))
    return caddy(file, folder)


def haproxy(file: Path, folder: Path, http2: bool, silence: int) -> list[str]:
    text = file.read_text()
    if http2:  # as a comment in the file says
        text = text.replace(":8000 check", ":8000 check proto h2 check-proto h1")
    if silence:
        text = re.sub(r"timeout server +\S+", f"timeout server {silence}s", text)
    config = folder / "haproxy.cfg"
    config.write_text(text)
    return ["haproxy", "-db", "-f", str(config)]


def nginx(file: Path, folder: Path, tcp: bool) -> list[str]:
    modules = f"load_module {STREAM};" if tcp else ""
    content = f"include {file};" if tcp else NGINX_HTTP.format(folder=folder, file=file)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(modules=modules, folder=folder, content=content))
    return ["nginx", "-e", "stderr", "-c", str(config)]


def caddy(file: Path, folder: Path) -> list[str]:
    config = folder / "Caddyfile"
    # Its port for commands is not for tests.
    config.write_text("{\n\tadmin off\n}\n" + file.read_text())
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]
