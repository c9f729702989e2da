"""docs/commands.md is what the commands say of themselves."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from rich.console import Console

from cloudrock_slurm.main import app
from tests.own_folder import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

PAGE = ROOT / "docs" / "commands.md"
WIDTH = 100
HEAD = """\
# Commands

What each command says with `--help`; written by `make commands`, and held equal to it by a test.
Exit codes: 0 all is well, 1 something failed or a person must look, 2 wrong settings or arguments;
`doctor` and `drift` have more.
"""


def names() -> list[str]:
    return sorted(name for name in app if not name.startswith("-"))


def help_of(*words: str) -> str:
    stream = io.StringIO()
    app.help_print(words, console=Console(file=stream, width=WIDTH, color_system=None, force_terminal=False))
    return "\n".join(line.rstrip() for line in stream.getvalue().strip().splitlines())


def page() -> Iterator[str]:
    yield HEAD
    for words in ([], *([name] for name in names())):
        yield f"## {' '.join(['cloudrock-slurm', *words])}\n\n```text\n{help_of(*words)}\n```\n"


def test_the_page_of_commands_is_their_own_help(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--write-commands"):
        PAGE.write_text("\n".join(page()))
    assert PAGE.read_text() == "\n".join(page())


def test_what_the_pages_tell_a_person_to_type_is_there() -> None:
    there = {name: help_of(name) for name in names()}
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for name, rest in re.findall(r"`(?:\.venv/bin/)?cloudrock-slurm ([a-z]+)([^`]*)`", path.read_text()):
            missing = [option for option in re.findall(r"--[a-z-]+", rest) if option not in there[name]]
            assert missing == [], f"{path.name}: {name}"
