"""The wheel, installed where nothing of the checkout is, on every Python of this machine that it is for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.own_folder import FOLDER, ROOT

pytestmark = pytest.mark.slurm
"""(Not fast: it installs a hundred packages, from uv's cache when it has them.)"""

VERSIONS = ("3.11", "3.12", "3.13")
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UV = str(Path(sys.executable).with_name("uv"))
STRANGER = {"UV_CACHE_DIR": str(FOLDER.parent.parent / "uv"), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}


def python_of(wanted: str) -> str | None:
    """A Python of this version: the machine's own, or one of pyenv's."""
    found = shutil.which(f"python{wanted}", path="/usr/bin:/usr/local/bin")
    if found is None:
        there = (Path.home() / ".pyenv" / "versions").glob(f"{wanted}.*/bin/python{wanted}")
        found = next(map(str, sorted(there)), None)
    return found


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name.startswith(("SSL", "UV", "HTTP"))}
    return subprocess.run(
        words,
        env={**inherited, **STRANGER, **environment},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module", params=[version for version in VERSIONS if python_of(version)])
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment's folder of programs."""
    folder = tmp_path_factory.mktemp(f"python{request.param}")
    programs = folder / "venv" / "bin"
    python = python_of(request.param)
    assert python
    pins = ("--constraint", str(ROOT / "constraints.txt"))
    for words in (
        ("venv", "--quiet", "--python", python, str(folder / "venv")),
        ("pip", "install", "--quiet", "--python", str(programs / "python"), *pins, str(wheel)),
    ):
        done = run(UV, *words, cwd=folder)
        assert done.returncode == 0, done.stderr
    return programs


def test_the_machine_has_a_python_that_the_wheel_is_for() -> None:
    assert [version for version in VERSIONS if python_of(version)]
    listed = [text.rpartition(" ")[2] for text in DECLARED["classifiers"] if "Python :: 3." in text]
    assert tuple(listed) == VERSIONS


def test_an_installed_wheel_makes_a_site_and_checks_it(installed: Path, tmp_path: Path) -> None:
    command = str(installed / "cloudrock-slurm")
    done = run(command, "--version", cwd=tmp_path)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, DECLARED["version"], "")

    site = tmp_path / "site"
    done = run(command, "init", str(site), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        f"ExecStart={installed}/prefect server start"
        in (site / "systemd" / "cloudrock-slurm-prefect.service").read_text()
    )

    done = run(command, "check", cwd=site)
    assert done.returncode == 2
    with (site / ".env").open("a") as file:
        file.write(
            "CLOUDROCK_API_URL=https://cloudrock.example.com/api/\nCLOUDROCK_API_TOKEN=0123456789abcdef\n"
        )
        file.write("CLOUDROCK_OFFERING_UUID=537bdaa7c001571d8956d0ba30a3726d\n")
    done = run(command, "check", cwd=site)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "settings and components are well: cpu, gres/gpu, mem\n"


def test_the_programs_of_a_site_start_without_the_sandbox(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['sandbox'] = None\n"
        "import flows.serving, flows.repair, flows.components, flows.examining, flows.examining_prefect\n"
        "import cloudrock_slurm.main, cloudrock_slurm.plan, cloudrock_slurm.drift, cloudrock_slurm.report\n"
        "import flows; print(flows.__file__)\n"
    )
    done = run(str(installed / "python"), "-c", code, cwd=tmp_path, PREFECT_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed.parent))


def test_the_demo_says_that_it_needs_a_checkout(installed: Path, tmp_path: Path) -> None:
    for command in ("demo", "up", "down"):
        done = run(str(installed / "cloudrock-slurm"), command, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "demo, up and down need a checkout of cloudrock-slurm: `make demo` there\n"


def test_what_is_installed_has_the_lock_s_versions(installed: Path, tmp_path: Path) -> None:
    done = run(UV, "pip", "freeze", "--quiet", "--python", str(installed / "python"), cwd=tmp_path)
    frozen = set(re.findall(r"^\S+==\S+$", done.stdout, re.MULTILINE))
    pinned = {line.split(" ;")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()[1:]}
    assert len(frozen) > 90
    assert frozen <= pinned
