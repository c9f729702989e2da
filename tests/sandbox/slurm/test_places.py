from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from sandbox.slurm.errors import SandboxError
from sandbox.slurm.places import LONGEST_RUN_FOLDER, free_ports, key_of, places_for, refuse_strangers_folder

if TYPE_CHECKING:
    from pathlib import Path


def open_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    path.chmod(0o755)
    return path


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short folder that others may pass, as a checkout in /srv is; pytest's own are closed to others."""
    folder = tmp_path_factory.mktemp("p")
    for parent in (folder, *folder.parents[:2]):
        if parent.stat().st_uid == os.geteuid():
            parent.chmod(0o755)
    return folder


def test_the_run_time_part_is_in_the_folder_when_that_is_short_and_open(short: Path) -> None:
    folder = open_folder(short / "c")
    assert places_for(folder).run == folder / "run"


def test_a_folder_with_a_long_name_gets_a_short_run_time_part(short: Path) -> None:
    folder = short / ("x" * LONGEST_RUN_FOLDER)
    assert len(str(places_for(folder).run)) <= LONGEST_RUN_FOLDER


def test_a_folder_below_one_that_others_may_write_gets_a_run_time_part_elsewhere(short: Path) -> None:
    shared = open_folder(short / "shared")
    shared.chmod(0o777)
    assert not places_for(shared / "c").run.is_relative_to(shared)


def test_the_run_time_part_is_found_again_by_name(short: Path) -> None:
    folder = short / ("y" * LONGEST_RUN_FOLDER)
    assert places_for(folder) == places_for(folder)
    assert key_of(folder) in places_for(folder).run.name


def test_a_link_in_place_of_the_run_time_part_is_refused(short: Path) -> None:
    link = short / "link"
    link.symlink_to(short)
    with pytest.raises(SandboxError, match="belongs to somebody else"):
        refuse_strangers_folder(link)


def test_ports_in_use_are_not_chosen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        free = free_ports(1)[0]
        assert free_ports(1, [port, free]) == (free,)


def test_the_same_port_is_not_given_twice() -> None:
    free = free_ports(1)[0]
    with pytest.raises(SandboxError, match="found 1 of 2 free ports"):
        free_ports(2, [free, free])
