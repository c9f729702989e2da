"""Prefect's folder for temporary files is ours to write, or it is said whose it is."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.temporary import NAME, taken
from tests.rights import somebody_without_rights

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOSED, OPEN = 0o555, 0o777


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What TMPDIR names, open to all users, as /tmp is."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(OPEN)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


def test_nothing_is_taken_where_nothing_is(temporary: Path) -> None:
    with somebody_without_rights():
        assert taken() == ""
    assert list(temporary.iterdir()) == []


def test_a_folder_that_we_may_write_is_not_taken(temporary: Path) -> None:
    (temporary / NAME).mkdir()
    (temporary / NAME).chmod(OPEN)
    with somebody_without_rights():
        assert taken() == ""


def test_another_user_s_folder_is_taken_and_he_is_named(temporary: Path) -> None:
    (temporary / NAME).mkdir()
    (temporary / NAME).chmod(CLOSED)
    with somebody_without_rights():
        assert taken() == f"{temporary / NAME} is not ours to write, it is {(temporary / NAME).owner()}'s"


@pytest.mark.parametrize("target", ["nowhere", "a file"])
def test_what_is_no_folder_is_taken(temporary: Path, target: str) -> None:
    (temporary / "a file").touch()
    (temporary / NAME).symlink_to(temporary / target)
    assert taken().startswith(f"{temporary / NAME} is not ours to write")


def test_an_owner_without_a_name_is_told_by_number(temporary: Path) -> None:
    (temporary / NAME).touch()
    if os.geteuid() == 0:
        os.chown(temporary / NAME, 54321, -1)
        assert taken().endswith("it is 54321's")
    else:
        assert taken()
