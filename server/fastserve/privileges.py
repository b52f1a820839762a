"""Another user for the workers: `--user` and `--group`.

The main process keeps its rights: it binds ports, and removes sockets and the pid file. A worker
reads the TLS key and gives its rights up before it imports the app.
"""

import contextlib
import grp
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass

from .config import Config
from .errors import ConfigError


@dataclass(frozen=True)
class Identity:
    """The user and the groups that a process is to have."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    user: pwd.struct_passwd | None  # None: a number that the system has no name for


def identity(config: Config) -> Identity | None:
    """None without both options, or if the process has this identity. Raises ConfigError."""
    if config.user is None and config.group is None:
        return None
    uid, gid, user = os.geteuid(), os.getegid(), None
    if config.user is not None:
        user = find_user(config.user)
        uid = user.pw_uid if user is not None else int(config.user)
        gid = user.pw_gid if user is not None else gid
    if config.group is not None:
        gid = find_group(config.group)
    elif config.user is not None and user is None:
        raise ConfigError("user", f"the system does not know {config.user}; give its group too")
    # As login does it: the user's supplementary groups, and none of ours.
    groups = tuple(os.getgrouplist(user.pw_name, gid)) if user is not None else (gid,)
    if os.geteuid() != 0:
        if (uid, gid) == (os.geteuid(), os.getegid()):
            return None
        name = "user" if config.user is not None else "group"
        raise ConfigError(name, "only root can change it; start the server as root, or without it")
    return Identity(uid, gid, groups, user)


def find_user(name: str) -> pwd.struct_passwd | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    if not name.isdecimal():
        raise ConfigError("user", f"there is no user {name!r}")
    return None


def find_group(name: str) -> int:
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError("group", f"there is no group {name!r}") from None


def drop(config: Config) -> None:
    """Become the user of the options for good. Raises ConfigError."""
    wanted = identity(config)
    if wanted is None:
        return
    os.setgroups(wanted.groups)
    os.setgid(wanted.gid)  # as root: the real, the effective and the saved one
    os.setuid(wanted.uid)
    if wanted.user is not None:
        os.environ["HOME"] = wanted.user.pw_dir
        os.environ["USER"] = os.environ["LOGNAME"] = wanted.user.pw_name


@contextlib.contextmanager
def as_user(config: Config) -> Iterator[None]:
    """Open files with the rights of that user, to whom new ones then belong. Raises ConfigError."""
    wanted = identity(config)
    if wanted is None:
        yield
        return
    before = os.getegid(), os.getgroups()
    os.setgroups(wanted.groups)
    os.setegid(wanted.gid)
    os.seteuid(wanted.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[0])
        os.setgroups(before[1])


def check_python(config: Config) -> None:
    """Whether the user can be changed to, and can run this Python. Raises ConfigError.

    A worker imports modules after the change too.
    """
    with as_user(config):
        for path in (os.__file__, __file__):
            try:
                with open(path, "rb"):
                    pass
            except OSError as error:
                name = "user" if config.user is not None else "group"
                problem = f"{getattr(config, name)} cannot read {path}, and so not run this Python"
                raise ConfigError(name, f"{problem}; install it where every user may") from error


def set_umask(config: Config) -> None:
    if config.umask is not None:
        os.umask(config.umask)
