"""The `fastserve` command; config.py defines its options."""

import os
import sys
import tomllib
import traceback
from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from . import __version__, init, run, variables
from .config import GROUPS, options
from .errors import AppError, ConfigError, StartError
from .foreign import answer
from .values import BOOLS, ENV_PREFIX, Option, parse
from .values import check as check_value

UVICORN_PREFIX = "UVICORN_"


def main() -> None:
    """Run the command. An error is one line on standard error and exit status 1 or 2."""
    name = "".join(sys.argv[1:2])
    bad_use = 1 if name == "check" else 2  # who checks asks one question, with two answers
    try:
        if name in COMMANDS:
            init.release()
            program = f"fastserve {name}"
            status = COMMANDS[name].main(sys.argv[2:], prog_name=program, standalone_mode=False)
        else:
            status = command.main(prog_name="fastserve", standalone_mode=False)
    except click.NoSuchOption as error:
        found = answer(error.option_name)
        stop(f"{error.option_name}: {found}" if found else error.format_message(), bad_use)
    except click.BadParameter as error:
        stop(f"{flag_of(error)}{error.message}{origin(error)}", bad_use)
    except click.ClickException as error:
        stop(error.format_message(), min(error.exit_code, bad_use))
    except ConfigError as error:
        flags = {option.name: option.flag for option in options()}
        stop(f"{flags[error.option]}: {error.problem}", bad_use)
    except AppError as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        stop(str(error), 1)
    except StartError as error:
        stop(str(error), 1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(status)


def stop(problem: str, status: int) -> None:
    click.echo(f"fastserve: {problem}", err=True)
    sys.exit(status)


def flag_of(error: click.BadParameter) -> str:
    if isinstance(error, click.MissingParameter):
        return "Missing argument 'APP'."
    return f"{error.param.opts[0]}: " if isinstance(error.param, click.Option) else ""


def origin(error: click.BadParameter) -> str:
    """Where an invalid value came from, unless from the command line."""
    if not (error.ctx and error.param):
        return ""
    source = error.ctx.get_parameter_source(error.param.name or "")
    if source is click.core.ParameterSource.ENVIRONMENT:
        name = str(error.param.envvar)
        return f" (from {name} in the environment{variables.remedy(name)})"
    if source is click.core.ParameterSource.DEFAULT_MAP:
        return " (from the --config file)"
    return ""


def start(app: str, **given: Any) -> None:
    """Run with what was given; Config has the defaults."""
    for problem in variables.problems():
        raise click.UsageError(problem)
    warn_of_variables()
    origins = origins_of(click.get_current_context())
    run(app, **{name: value for name, value in given.items() if name in origins})


def try_out(app: str, every: bool, **given: Any) -> int:
    """`fastserve check`"""
    from .check import check

    warn_of_variables()
    origins = origins_of(click.get_current_context())
    found = {name: value for name, value in given.items() if name in origins}
    return check(app, found, origins, every=every)


def origins_of(context: click.Context) -> dict[str, str]:
    """Where each value is from that is not a default."""
    sources = {
        click.core.ParameterSource.COMMANDLINE: "command line",
        click.core.ParameterSource.ENVIRONMENT: "{} in the environment",
        click.core.ParameterSource.DEFAULT_MAP: context.meta.get(FILE, ""),
    }
    return {
        param.name: sources[source].format(param.envvar)
        for param in context.command.params
        if param.name and (source := context.get_parameter_source(param.name)) in sources
    }


def warn_of_variables() -> None:
    """uvicorn reads its own variables; whoever has them set should know that we do not."""
    known = {f"{UVICORN_PREFIX}{option.name.upper()}" for option in options()}
    for name in sorted(known & os.environ.keys()):
        ours = ENV_PREFIX + name.removeprefix(UVICORN_PREFIX)
        click.echo(f"fastserve: {name} in the environment is not read; use {ours}", err=True)


def read_file(context: click.Context, param: click.Parameter, path: str | None) -> None:
    """Read defaults from a TOML file, whose keys are the names of the options."""
    if path is None:
        return
    try:
        with open(path, "rb") as file:
            settings = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise click.BadParameter(f"cannot read {path}: {error}") from error
    known = {"app", *(option.name for option in options() if option.in_command)}
    for name in settings:
        if name not in known:
            raise click.BadParameter(f'unknown option "{name}" in {path}')
    context.default_map = settings
    context.meta[FILE] = path


class Value(click.ParamType):  # type: ignore[type-arg]
    """A value as config.py checks it."""

    envvar_list_splitter = "\n"  # a repeatable option has one value per line

    def __init__(self, option: Option) -> None:
        self.option = option
        self.name = option.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            if self.option.multiple:  # each item
                return value if isinstance(value, str) else check_value(self.option, [value])[0]
            if isinstance(value, str):
                parsed = parse(self.option, value)
                return value if "own" in self.option.rules else parsed  # run() tells the word
            return check_value(self.option, value)
        except ConfigError as error:
            self.fail(error.problem, param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return metavar(self.option)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        if self.option.name.endswith(("file", "_certs", "log_config", "uds")):
            return [CompletionItem(incomplete, type="file")]
        if self.option.name.endswith(("dir", "dirs")):
            return [CompletionItem(incomplete, type="dir")]
        return [CompletionItem(word) for word in self.option.choices if word.startswith(incomplete)]


def metavar(option: Option) -> str:
    if option.choices:
        extra = "|MODULE:ATTRIBUTE" if option.rules.get("open") else ""
        return f"[{'|'.join(option.choices)}{extra}]"
    if "read" in option.rules:
        return "TEXT"
    return {bool: "", int: "INTEGER", float: "NUMBER"}.get(option.type, "TEXT")


def parameter(option: Option) -> click.Option:
    negation = f"/--no-{option.flag[2:]}" if option.type is bool else ""
    return click.Option(
        [option.name, option.flag + negation],
        type=click.BOOL if option.type is bool else Value(option),
        default=None if option.multiple else option.default,
        multiple=option.multiple,
        envvar=option.env,
        help=option.help,
        show_default=option.default not in (None, (), ""),
    )


class Help(click.ParamType):  # type: ignore[type-arg]
    """The name of a group; anything else asks for the common options."""

    name = "GROUP"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        names = [*TITLES, "all"]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


TITLES = dict(GROUPS.values())
# In the meta of the context: what --help asks for, and the file of --config.
GROUP = "fastserve.help"
FILE = "fastserve.file"


class Command(click.Command):
    """Boolean options take a value too, as some of uvicorn's do; help comes in groups."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = [word for each in args for word in each.split("=", 1)]  # --help=tls
        if "--help" in words and not ctx.resilient_parsing:
            ctx.meta[GROUP] = "".join(words[words.index("--help") + 1 :][:1])
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, list(plain_switches(args)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        asked = ctx.meta.get(GROUP)
        is_short = asked not in (*TITLES, "all")
        for group, title in TITLES.items():
            wanted = [
                option.name
                for option in options()
                if option.group == group
                and (option.is_common if is_short else asked in (group, "all"))
            ]
            found = [param for param in self.params if param.name in wanted]
            records = [record for param in found if (record := param.get_help_record(ctx))]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
        if is_short or asked == "all":
            own = [
                param
                for param in self.params
                if param.name in ("config", "every", "version", "help")
            ]
            with formatter.section("Other"):
                formatter.write_dl([r for param in own if (r := param.get_help_record(ctx))])


def plain_switches(args: Sequence[str]) -> list[str]:
    """`--flag true` and `--flag=true` as `--flag`, and with false as `--no-flag`."""
    switches = {option.flag for option in options() if option.type is bool}
    result: list[str] = []
    for position, each in enumerate(args):
        if each == "--":
            return [*result, *args[position:]]
        flag, equals, word = each.partition("=")
        previous = args[position - 1] if position else ""
        if equals and flag in switches and word.lower() in BOOLS:
            result.append(switch(flag, word))
        elif previous in switches and result[-1:] == [previous] and each.lower() in BOOLS:
            result[-1] = switch(previous, each)
        else:
            result.append(each)
    return result


def switch(flag: str, word: str) -> str:
    return flag if BOOLS[word.lower()] else f"--no-{flag[2:]}"


def upgrade(pid: int | None, pid_file: str | None, timeout: float) -> None:
    """Have a running server start its command again; the new process takes over its sockets.

    PID or --pid-file names the main process. With --pid-file this waits for the new process.
    """
    from . import upgrade_request

    if (pid is None) == (pid_file is None):
        raise click.UsageError("give either PID or --pid-file")
    if pid_file is not None:
        click.echo(upgrade_request.upgrade(pid_file, timeout))
    elif pid is not None:
        click.echo(upgrade_request.ask(pid))


EPILOG = f"""
`fastserve --help GROUP` shows all options of a group: {", ".join(TITLES)}; `fastserve --help all`
shows every option. Options can be set in the environment too: --port is {ENV_PREFIX}PORT.
`fastserve check APP` tries the options without serving.
`fastserve upgrade --help` says how a new process takes over from a running one.
"""


def parameters() -> list[click.Parameter]:
    """Of the command and of `check`: APP, what says where options are from, and the options."""
    return [
        click.Argument(["app"], envvar=f"{ENV_PREFIX}APP"),
        click.Option(
            ["--config"],
            metavar="FILE",
            is_eager=True,
            expose_value=False,
            callback=read_file,
            envvar=f"{ENV_PREFIX}CONFIG",
            help="TOML file of options; their names have underscores, as in limit_body.",
        ),
        click.Option(
            ["--help"],
            type=Help(),
            metavar="[GROUP]",
            expose_value=False,
            help="Show this message, or all options of a group, and exit.",
        ),
        *(parameter(option) for option in options() if option.in_command),
    ]


command = Command(
    "fastserve",
    callback=start,
    help="Serve an ASGI or WSGI application. APP is MODULE:ATTRIBUTE.",
    epilog=EPILOG,
    add_help_option=False,
    params=parameters(),
)
click.version_option(__version__, prog_name="fastserve", message="%(prog)s %(version)s")(command)

# By the first word: an application always has a colon.
COMMANDS: dict[str, click.Command] = {
    "check": Command(
        "check",
        callback=try_out,
        help="Check what `fastserve APP` would start with: the application, addresses, files and "
        "certificates. Shows the options that differ from the default and where they are from. "
        "The exit status is 1 if there is an error.",
        epilog=EPILOG,
        add_help_option=False,
        params=[
            *parameters(),
            click.Option(["every", "--all"], is_flag=True, help="Show every option."),
        ],
    ),
    "upgrade": click.Command(
        "upgrade",
        callback=upgrade,
        help=upgrade.__doc__,
        params=[
            click.Argument(["pid"], required=False, type=click.IntRange(1)),
            click.Option(
                ["--pid-file"], envvar=f"{ENV_PREFIX}PID_FILE", help="The server's --pid-file."
            ),
            click.Option(
                ["--timeout"],
                type=click.FloatRange(0),
                default=130.0,
                show_default=True,
                help="Seconds to wait for the new process.",
            ),
        ],
    ),
}
