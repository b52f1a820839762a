"""The `fastserve` command; config.py defines its options."""

import sys
import tomllib
import traceback
from typing import Any

import click

from . import __version__, run
from .config import ENV_PREFIX, Option, options
from .errors import AppError, ConfigError, StartError


class Lines(click.types.StringParamType):
    """Values of a repeatable option; in the environment, one per line."""

    envvar_list_splitter = "\n"


def main() -> None:
    """Run the command. An error is one line on standard error and exit status 1 or 2."""
    try:
        status = command.main(prog_name="fastserve", standalone_mode=False)
    except click.ClickException as error:
        stop(error.format_message() + origin(error), error.exit_code)
    except ConfigError as error:
        flags = {option.name: option.flag for option in options()}
        stop(f"{flags[error.option]}: {error.problem}", 2)
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


def origin(error: click.ClickException) -> str:
    """Where an invalid value came from, unless from the command line."""
    if not isinstance(error, click.BadParameter) or not (error.ctx and error.param):
        return ""
    source = error.ctx.get_parameter_source(error.param.name or "")
    if source is click.core.ParameterSource.ENVIRONMENT:
        return f" (from {error.param.envvar} in the environment)"
    if source is click.core.ParameterSource.DEFAULT_MAP:
        return " (from the --config file)"
    return ""


def read_file(context: click.Context, param: click.Parameter, path: str | None) -> None:
    """Read defaults from a TOML file, whose keys are the names of the options."""
    if path is None:
        return
    try:
        with open(path, "rb") as file:
            settings = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise click.BadParameter(f"cannot read {path}: {error}") from error
    known = {"app", *(option.name for option in options())}
    for name in settings:
        if name not in known:
            raise click.BadParameter(f'unknown option "{name}" in {path}')
    context.default_map = settings


def parameter(option: Option) -> click.Option:
    negation = f"/--no-{option.flag[2:]}" if option.type is bool else ""
    return click.Option(
        [option.name, option.flag + negation],
        type=click_type(option),
        default=option.default,
        multiple=option.multiple,
        envvar=option.env,
        help=option.help,
        show_default=option.default not in (None, (), ""),
    )


def click_type(option: Option) -> Any:
    if option.choices:
        return click.Choice(option.choices)
    if option.multiple:
        return Lines()
    kinds = {bool: click.BOOL, int: click.INT, float: click.FLOAT, str: click.STRING}
    return kinds[option.type]


command = click.Command(
    "fastserve",
    callback=run,
    help="Serve an ASGI or WSGI application. APP is MODULE:ATTRIBUTE.",
    epilog=f"Options can be set in the environment too: --port is {ENV_PREFIX}PORT.",
    params=[
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
        *map(parameter, options()),
    ],
)
click.version_option(__version__, prog_name="fastserve", message="%(prog)s %(version)s")(command)
