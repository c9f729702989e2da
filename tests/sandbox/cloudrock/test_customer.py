"""The customer at a terminal: an order, its account, its usage; and one sentence when it cannot be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from sandbox.cloudrock import Marketplace
from sandbox.cloudrock.__main__ import write_agent_env, write_tokens
from sandbox.cloudrock.customer import Customer, main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Told = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def market() -> Iterator[Marketplace]:
    with Marketplace(worker_delay_seconds=0) as running:
        yield running


@pytest.fixture
def folder(market: Marketplace, tmp_path: Path) -> Path:
    write_tokens(market, tmp_path / "cloudrock.tokens.json")
    return tmp_path


@pytest.fixture
def told(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """What the command says: its exit code, its answer, its complaint."""
    monkeypatch.chdir(folder)

    def say(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["customer", *words])
        code = main()
        printed = capsys.readouterr()
        return code, printed.out.strip(), printed.err.strip()

    return say


def test_an_order_gets_its_account_and_shows_its_usage(market: Marketplace, told: Told) -> None:
    code, said, _ = told("order", "Weather")
    resource = said.rpartition(" ")[2]
    assert (code, said) == (0, f"ordered: Weather, resource {resource}")
    problem = "'Weather' is still Creating after 0 s: the pull side's log says why"
    assert told("account", "Weather", "--seconds", "0") == (1, "", problem)
    (item,) = (one["uuid"] for one in items(market) if one["marketplace_resource_uuid"] == resource)
    provider(
        market, "POST", f"marketplace-resources/{resource}/set_backend_id/", {"backend_id": "hpc_weather"}
    )
    provider(market, "POST", f"marketplace-order-items/{item}/set_state_done/")
    assert told("account", "Weather") == (0, "hpc_weather", "")
    assert told("show") == (0, "Weather: OK, hpc_weather, used: nothing told yet", "")


def test_an_allocation_that_nobody_ordered_is_one_sentence(told: Told) -> None:
    assert told("account", "Tides") == (
        1,
        "",
        "there is no allocation 'Tides': `order` makes one, `show` lists them",
    )


def test_a_missing_file_of_tokens_is_one_sentence(told: Told, folder: Path) -> None:
    (folder / "cloudrock.tokens.json").unlink()
    code, _, problem = told("show")
    assert code == 1
    assert problem.startswith("--tokens: cloudrock.tokens.json cannot be read (")
    assert problem.endswith("): the stand-in writes it")


def test_the_agent_s_settings_are_for_its_group_and_nobody_else(market: Marketplace, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("old")
    write_agent_env(market, file)
    assert file.stat().st_mode & 0o777 == 0o640
    lines = dict(line.split("=", 1) for line in file.read_text().splitlines())
    words = lines.pop("PREFECT_API_AUTH_STRING")
    assert lines == {
        "CLOUDROCK_API_URL": market.api_url,
        "CLOUDROCK_API_TOKEN": market.tokens["provider_owner"],
        "CLOUDROCK_OFFERING_UUID": market.offering_uuid,
        "PREFECT_SERVER_API_AUTH_STRING": words,
    }
    assert len(words.partition(":")[2]) == 32


def test_the_prefect_server_s_password_is_made_up_once(market: Marketplace, tmp_path: Path) -> None:
    texts = []
    for name in ("one", "one", "other"):
        write_agent_env(market, tmp_path / name)
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1] != texts[2]


def test_the_stand_in_listens_where_it_is_told_and_says_so() -> None:
    with Marketplace(host="localhost") as running:
        assert running.api_url.startswith("http://localhost:")


def items(market: Marketplace) -> list[dict[str, str]]:
    found: list[dict[str, str]] = provider(market, "GET", "marketplace-order-items/")
    return found


def provider(market: Marketplace, method: str, path: str, body: object = None):  # noqa: ANN201 - JSON
    return Customer({"api_url": market.api_url, "tokens": market.tokens}).call(
        "provider_owner", method, path, body
    )
