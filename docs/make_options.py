"""Print docs/options.md: `python docs/make_options.py > docs/options.md`."""

from fastserve.config import GROUPS, options
from fastserve.values import ENV_PREFIX, Option

HEAD = f"""# Options

```
fastserve main:app --limit-body 10000000            # on the command line
FASTSERVE_LIMIT_BODY=10000000 fastserve main:app    # in the environment
fastserve main:app --config fastserve.toml          # in a file: limit_body = 10_000_000
```

Set an option on the command line, in the environment, or in a TOML file (`--config FILE`); the
command line overrides the environment, and the environment overrides the file. `--limit-body` is
`{ENV_PREFIX}LIMIT_BODY` in the environment, `limit_body` in the file, and a keyword argument of
`fastserve.Config` and `fastserve.run`. In the environment, a repeatable option takes one value per
line. Sizes are in bytes and times in seconds. 0 turns a limit or a deadline off, unless the option
says what else it does; `none` turns it off where the option says so (None in Python).

`fastserve --help` has the options that most people need, `fastserve --help GROUP` those of one
group (the names in brackets below), `fastserve --help all` every one. An option that uvicorn has
has the same name and meaning here; [migrating.md](migrating.md) has the differences.

For completion of options and their values by the shell, put one of these into its start-up file
(`docs/make_options.py` generates this page from `server/fastserve/config.py`):

```sh
eval "$(_FASTSERVE_COMPLETE=bash_source fastserve)"   # ~/.bashrc
eval "$(_FASTSERVE_COMPLETE=zsh_source fastserve)"    # ~/.zshrc
_FASTSERVE_COMPLETE=fish_source fastserve | source    # ~/.config/fish/completions/fastserve.fish
```"""

TABLE = """
| option | default | meaning |
| --- | --- | --- |"""


def row(option: Option) -> str:
    flag = option.flag if option.in_command else option.name
    if option.type is bool:
        flag = f"--[no-]{flag[2:]}"
    if option.choices:
        flag += " " + r"\|".join(option.choices)
    default = option.default
    if default in (None, "", ()):
        shown = ""
    elif isinstance(default, bool):
        shown = "yes" if default else "no"
    else:
        shown = f"{default:g}" if isinstance(default, float) else str(default)
    return f"| `{flag}` | {shown} | {option.help} |"


print(HEAD)
for name, title in GROUPS.values():
    print(f"\n## {title} [{name}]\n{TABLE}")
    for item in options():
        if item.group == name:
            print(row(item))
