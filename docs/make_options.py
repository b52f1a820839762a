"""Print docs/options.md: `python docs/make_options.py > docs/options.md`."""

from fastserve.config import ENV_PREFIX, Option, options

HEAD = f"""# Options

Made from `server/fastserve/config.py` by `docs/make_options.py`.

An option is set on the command line, in the environment, in a TOML file given with `--config`
(by its name with underscores), or as an argument of `fastserve.Config` and `fastserve.run`; the
first of these that sets it counts. The variable of `--port` is `{ENV_PREFIX}PORT`, and so on; a
repeatable option takes one value per line there. Sizes are in bytes and times in seconds; a limit
or deadline of 0 is none.

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
