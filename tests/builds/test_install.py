"""tests/install.py, which installs a group package by package."""

import install


def test_groups_in_groups() -> None:
    groups = {"a": ["x>=1", {"include-group": "b"}, "y"], "b": ["z; python_version < '3.15'"]}
    assert list(install.requirements(groups, "a")) == ["x>=1", "z; python_version < '3.15'", "y"]
