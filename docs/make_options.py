"""Print docs/options.md: `python docs/make_options.py > docs/options.md`."""

from fastserve.config import ENV_PREFIX, Option, options

HEAD = f"""# Options

`docs/make_options.py` generates this page from `server/fastserve/config.py`.

Set an option on the command line, in the environment, or in a TOML file (`--config FILE`); the
command line overrides the environment, and the environment overrides the file. `--limit-body` is
`{ENV_PREFIX}LIMIT_BODY` in the environment, `limit_body` in the file, and a keyword argument of
`fastserve.Config` and `fastserve.run`. In the environment, a repeatable option takes one value per
line. Sizes are in bytes and times in seconds; 0 turns a limit or a deadline off.

| option | default | meaning |
| --- | --- | --- |"""


def row(option: Option) -> str:
    flag = option.flag
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
for item in options():
    print(row(item))
