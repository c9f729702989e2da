from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.slurm.packages import PACKAGE_OF, missing_packages, search_path

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_machine_misses_every_package(tmp_path: Path) -> None:
    assert missing_packages(str(tmp_path)) == tuple(sorted(set(PACKAGE_OF.values())))


def test_a_package_is_there_when_all_its_programs_are(tmp_path: Path) -> None:
    for name in PACKAGE_OF:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert missing_packages(str(tmp_path)) == ()
    (tmp_path / "sbatch").unlink()
    assert missing_packages(str(tmp_path)) == ("slurm-client",)


def test_the_folders_of_system_programs_come_after_the_users_own() -> None:
    assert search_path("/opt/bin:/usr/bin").split(":")[:2] == ["/opt/bin", "/usr/bin"]
    assert "/usr/sbin" in search_path("/opt/bin:/usr/bin").split(":")
