"""The pages build without a warning, and the files of pins agree."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.own_folder import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_the_pages_build_strictly_so_every_link_and_anchor_is_there(tmp_path: Path) -> None:
    (tmp_path / "mkdocs.yml").write_text((ROOT / "mkdocs.yml").read_text())
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    command = (sys.executable, "-m", "zensical", "build", "--clean", "--strict")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / ".sandbox" / "site" / "install.html").exists()


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_every_automation_has_its_part_of_the_runbook() -> None:
    runbook = (ROOT / "docs" / "operation.md").read_text()
    for path in (ROOT / "deployments").glob("automations.yaml"):
        for name in re.findall(r"name: \"cloudrock-slurm: (.+)\"", path.read_text()):
            assert f"### {name}".lower() in runbook.lower(), name


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target


def test_the_constraints_are_the_lock_s_versions() -> None:
    spec = importlib.util.spec_from_file_location("constraints", ROOT / "scripts" / "constraints.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lock = (ROOT / "requirements.lock").read_text()
    constraints = (ROOT / "constraints.txt").read_text()
    assert module.constraints_of(lock) == constraints
    assert len(constraints.splitlines()) == 1 + len(re.findall(r"^\S+==", lock, re.MULTILINE))
    assert not re.search(r"--hash|://", constraints)
