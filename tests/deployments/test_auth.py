"""A server with deployments/prefect-basic-auth.env, as all tests here have it: who is let in, who told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from sandbox.stack import Stack

pytestmark = pytest.mark.prefect

WANTED = "PREFECT_API_AUTH_STRING: the Prefect server takes nobody without a name and a password"


@pytest.mark.parametrize("auth", [None, ("admin", "wrong")])
def test_nobody_gets_in_without_the_right_words(stack: Stack, auth: tuple[str, str] | None) -> None:
    for path in ("deployments/name/push-usage/hourly", "admin/settings", "metrics"):
        assert httpx.get(f"{stack.ui_url}/api/{path}", auth=auth, timeout=30).status_code == 401


@pytest.mark.parametrize("words", [None, "admin:wrong"])
def test_deploy_and_doctor_say_which_variable_is_missing_or_wrong(
    api: str, folder: Path, words: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    from prefect import settings  # noqa: PLC0415 - Prefect takes seconds

    from cloudrock_slurm.deploy import deploy  # noqa: PLC0415 - the same
    from flows.examining import prefect_diagnoses  # noqa: PLC0415 - the same

    with settings.temporary_settings({settings.PREFECT_API_AUTH_STRING: words}):
        with pytest.raises(SystemExit) as ended:
            deploy(check=True)
        found: dict[str, Any] = {one.check.title: one for one in prefect_diagnoses(None)}
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(WANTED)
    assert found["server"].found.startswith(WANTED)
    assert "PREFECT_API_AUTH_STRING, in .env" in found["server"].mend
    assert found["worker"].found == "not looked at: the Prefect server lets nobody in"


@pytest.mark.parametrize(
    ("words", "how"),
    [(None, ""), ("admin:CHANGE-ME", "its password is that of the example files, CHANGE-ME")],
)
def test_the_doctor_looks_how_somebody_who_knows_no_secret_gets_in(
    api: str, words: str | None, how: str
) -> None:
    from prefect import settings  # noqa: PLC0415 - Prefect takes seconds

    from flows.examining_prefect import openness  # noqa: PLC0415 - the same

    known: dict[Any, Any] = {} if words is None else {settings.PREFECT_API_AUTH_STRING: words}
    with settings.temporary_settings(known):
        assert openness() == how


def test_the_password_stands_in_no_arguments_and_no_log(stack: Stack) -> None:
    assert stack.api.auth
    password = stack.api.auth[1].encode()
    shown = [Path(f"/proc/{one.pid}/cmdline").read_bytes() for one in stack.services.alive()]
    shown += [log.read_bytes() for log in (stack.services.folder / "logs").iterdir()]
    assert len(shown) >= 2
    assert [text for text in shown if password in text] == []
