"""What `cloudrock-slurm init` writes, and that nothing of a site is overwritten."""

from __future__ import annotations

import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cloudrock_slurm.templates import PROGRAMS, SITE, site_files
from tests.own_folder import ROOT
from tests.typed import typed
from tests.walks.page import PAGE

ENV = ROOT / "examples" / "native" / "cloudrock-slurm.env"
UNITS = sorted((ROOT / "examples" / "systemd").glob("*.service"))
WRITTEN = {
    ".env",
    "config-components.yaml",
    "prefect.yaml",
    "service-pull-env.rc",
    "service-push-env.rc",
    *(f"systemd/{path.name}" for path in UNITS),
    *(f"deployments/{path.name}" for path in (ROOT / "deployments").iterdir()),
}


def initialise(*words: str) -> subprocess.CompletedProcess[str]:
    return typed("init", *words, folder=ROOT, seconds=60)


def unit(text: str) -> dict[str, list[str]]:
    """The unit's directives."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("init") / "site"
    done = initialise(str(folder), "--user", "somebody")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert {line.split()[1] for line in lines if line.startswith("wrote ")} == {
        str(folder / name) for name in WRITTEN
    }
    assert f"Now fill in {folder}/.env" in done.stdout
    return folder


def test_init_writes_a_whole_site_and_only_its_owner_sees_it(site: Path) -> None:
    there = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    assert there >= WRITTEN
    assert stat.S_IMODE(site.stat().st_mode) == 0o700
    assert stat.S_IMODE((site / ".env").stat().st_mode) == 0o600


def test_each_site_gets_a_password_of_its_own_for_prefect(site: Path) -> None:
    lines = [line.partition("=") for line in (site / ".env").read_text().splitlines()]
    found = {name: value for name, _, value in lines if name.endswith("_AUTH_STRING")}
    assert set(found) == {"PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"}
    (words,) = set(found.values())
    assert re.fullmatch(r"cloudrock:[\w-]{32}", words)
    assert words not in "".join(file.text for file in site_files(site, "somebody"))


@pytest.mark.parametrize("name", ["TMPDIR", "PREFECT_HOME", "CLOUDROCK_STATE_DIR"])
def test_the_folders_of_the_settings_are_there_and_their_owner_s_only(site: Path, name: str) -> None:
    (folder,) = re.findall(rf"^{name}=(.+)$", (site / ".env").read_text(), re.MULTILINE)
    assert Path(folder).parent == site
    assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700


def test_init_overwrites_nothing_and_names_what_is_there(site: Path) -> None:
    before = (site / ".env").read_text()
    done = initialise(str(site))
    assert done.returncode == 1
    assert done.stderr.startswith(f"init: there already: {site}/")
    assert str(site / ".env") in done.stderr
    assert (site / ".env").read_text() == before


@pytest.mark.parametrize("words", [("/proc/nowhere/site",), ("a b",), ("site", "--user", "a\nb")])
def test_init_says_in_one_line_what_it_cannot_use(words: tuple[str, ...]) -> None:
    done = initialise(*words)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "expected" in done.stderr


def test_the_files_speak_of_this_site_user_and_environment(site: Path) -> None:
    for path in (path for path in site.rglob("*") if path.is_file()):
        assert SITE not in path.read_text()
        assert PROGRAMS not in path.read_text()
    found = unit((site / "systemd" / "cloudrock-slurm-pull.service").read_text())
    assert found["User"] == ["somebody"]
    assert found["WorkingDirectory"] == [str(site)]
    assert found["ExecStart"] == [f"{sys.prefix}/bin/python3 -m cloudrock_slurm.main"]


def test_a_shell_that_sources_a_side_s_file_has_its_settings_and_its_python(site: Path) -> None:
    words = "echo $CLOUDROCK_SYNC_DIRECTION; env | grep ^PREFECT_HOME; which python3"
    command = ("bash", "-euc", f"source service-push-env.rc; {words}")
    done = subprocess.run(command, cwd=site, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines() == [
        "push",
        f"PREFECT_HOME={site}/prefect",
        f"{sys.prefix}/bin/python3",
    ]


def test_three_lines_of_the_settings_wait_for_a_person_and_check_names_them(site: Path) -> None:
    empty = re.findall(r"^(\w+)=$", (site / ".env").read_text(), re.MULTILINE)
    assert empty == re.findall(r"^(\w+)=", PAGE.read_text().partition("```ini\n")[2], re.MULTILINE)[:3]
    done = typed("check", environment={"PYTHONPATH": str(ROOT)}, folder=site, seconds=60)
    assert done.returncode == 2
    assert [line.split(":")[:2] for line in done.stderr.splitlines()] == [
        [name, " missing"] for name in empty
    ]


def test_the_checkout_s_own_files_are_what_is_written() -> None:
    from pathlib import Path  # noqa: PLC0415

    written = {file.name: file.text for file in site_files(Path(SITE), "cloudrock")}
    assert written[Path("prefect.yaml")] == (ROOT / "prefect.yaml").read_text()
    assert written[Path("config-components.yaml")] == (ROOT / "config-components.yaml").read_text()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_ends_with_all_that_it_started_and_starts_again_after_a_failure(path: Path) -> None:
    found = unit(path.read_text())
    assert found["KillMode"] == ["control-group"]
    assert int(found["TimeoutStopSec"][0]) >= 30
    assert found["Restart"] == ["on-failure"]
    assert found["User"] == ["cloudrock"]
    assert found["EnvironmentFile"] == [f"{SITE}/.env"]
    assert found["NoNewPrivileges"] == ["yes"]


def test_the_server_s_unit_has_no_token_and_may_send_notifications_away() -> None:
    found = unit((ROOT / "examples" / "systemd" / "cloudrock-slurm-prefect.service").read_text())
    assert found["UnsetEnvironment"] == ["CLOUDROCK_API_TOKEN"]
    assert not {"IPAddressDeny", "PrivateNetwork"} & set(found)


def started(lines: dict[str, list[str]]) -> str:
    """The unit's command, with the variables that it sets itself."""
    command = lines["ExecStart"][0]
    for name, _, value in (line.partition("=") for line in lines.get("Environment", [])):
        command = command.replace(f"${{{name}}}", value)
    return command


def test_what_the_units_start_is_what_the_page_starts_without_systemd() -> None:
    page = PAGE.read_text().replace("\\\n", "")
    lines = [line for line in page.splitlines() if line.startswith("nohup")]
    words = [shlex.split(line.partition(">")[0].partition("--")[2]) for line in lines]
    named = {" ".join(words).replace(f"{PROGRAMS}/bin/", "") for words in words}
    units = {started(unit(path.read_text())) for path in UNITS}
    assert units == {f"{PROGRAMS}/bin/{name}" for name in named}
