"""The stand-in's page as a person uses it: orders by buttons, made real by Prefect runs on a real cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import see

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slurm, pytest.mark.prefect, pytest.mark.browser]

PULL = "pull-orders/every-2-minutes"
NAME = "Wave climate"
HOSTILE = "Tides & <b>currents</b>"
PHONE = {"width": 390, "height": 844}


def go(up: Any, page: Any, words: str) -> None:
    """The overview, and from there the page that a link of these words leads to: its heading is the same."""
    page.goto(up.stack.page_url)
    with page.expect_navigation():
        page.get_by_role("link", name=words, exact=True).first.click()
    page.get_by_role("heading", level=1, name=words, exact=True).wait_for()


class Person:
    """Somebody at the page, with the means of the browser."""

    def __init__(self, up: Any, page: Any) -> None:
        self.up = up
        self.page = page
        self.complaints: list[str] = []
        page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)

    def go_to(self, words: str) -> None:
        go(self.up, self.page, words)

    def press(self, words: str) -> None:
        self.page.get_by_role("button", name=words).click()

    def order(self, name: str, **limits: str) -> None:
        self.go_to("Order an allocation")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Plan").select_option("Standard")
        for label, amount in limits.items():
            self.page.get_by_label(label).fill(amount)
        self.press("Place the order")

    def follow_a_pull_run(self) -> None:
        """A run by Prefect; the page tells the order's end by itself."""
        run = self.up.stack.api.start_run(PULL)
        see(self.page, "It is carried out.", seconds=180)
        assert self.up.stack.api.wait_for_run(run)["state_type"] == "COMPLETED"

    def account(self, name: str) -> str:
        self.go_to(name)
        return str(self.page.locator("dd code").first.text_content())

    def on_the_cluster(self, account: str) -> list[list[str]]:
        """What slurmdbd has of the account: limits and users."""
        words = ("show", "assoc", f"account={account}", "format=user,grptresmins")
        text = self.up.stack.cluster.run("sacctmgr", "-nP", *words)
        return [line.split("|") for line in text.splitlines()]


@pytest.fixture(scope="module")
def person(up: Any, browser: Any) -> Iterator[Person]:
    page = browser.new_page()
    page.set_default_timeout(30_000)
    yield Person(up, page)
    page.close()


@pytest.fixture(scope="module")
def ordered(person: Person) -> Person:
    """Two allocations, made by one run."""
    person.order(HOSTILE)
    person.order(NAME, CPU="4000", GPU="500")
    person.follow_a_pull_run()
    return person


@pytest.fixture(scope="module")
def changed(ordered: Person) -> Person:
    """Other limits for the one, another plan for the other, in one run."""
    ordered.go_to(HOSTILE)
    ordered.page.get_by_label("New plan").select_option("Urgent")
    ordered.press("Order this plan")
    ordered.go_to(NAME)
    ordered.page.get_by_label("CPU").fill("9000")
    ordered.press("Order these limits")
    ordered.follow_a_pull_run()
    return ordered


@pytest.fixture(scope="module")
def ended(changed: Person) -> tuple[Person, str]:
    account = changed.account(NAME)
    changed.page.get_by_text("End this allocation").click()
    changed.press("Order its end")
    changed.follow_a_pull_run()
    return changed, account


def test_up_prints_one_address_which_leads_to_prefect(up: Any, page: Any) -> None:
    pages = re.findall(r"Open (\S+)", up.screen)
    assert pages == [up.stack.page_url]
    assert up.stack.ui_url not in up.screen.partition("Open ")[2].partition("For your shell")[0]
    page.goto(pages[0])
    page.get_by_role("link", name="Prefect UI", exact=True).click()
    see(page, "Dashboard", "Flow Runs")
    assert page.url.startswith(up.stack.ui_url)


def test_an_order_by_button_is_an_account_on_the_cluster_after_the_next_run(ordered: Person) -> None:
    account = ordered.account(NAME)
    see(ordered.page, "OK", "Standard", "cpu 4,000", "gres/gpu 500", ordered.up.stack.person, "open")
    (limits, *users) = ordered.on_the_cluster(account)
    assert set(limits[1].split(",")) >= {"cpu=4000", "gres/gpu=500"}
    assert len(users) == 3
    ordered.page.get_by_role("link", name="Requests").click()
    see(ordered.page, "set_backend_id", account, "create_association", "hpc-owner")


def test_a_name_is_only_a_name_to_the_browser(ordered: Person) -> None:
    ordered.go_to(HOSTILE)
    see(ordered.page, HOSTILE, "hpc_")
    assert ordered.page.locator("h1 b").count() == 0


def test_other_limits_by_button_are_on_the_cluster_after_the_next_run(changed: Person) -> None:
    account = changed.account(NAME)
    see(changed.page, "cpu 9,000", "gres/gpu 500", "Other limits")
    assert set(changed.on_the_cluster(account)[0][1].split(",")) >= {"cpu=9000", "gres/gpu=500"}


def test_another_plan_by_button_closes_one_plan_period_and_opens_another(changed: Person) -> None:
    changed.go_to(HOSTILE)
    periods = changed.page.get_by_role("region", name="Plan periods").get_by_role("row").all_text_contents()
    assert ["Standard" in periods[1], "Urgent" in periods[2]] == [True, True]
    assert ["open" in period for period in periods[1:]] == [False, True]


def test_an_end_by_button_takes_the_account_from_the_cluster(ended: tuple[Person, str]) -> None:
    person, account = ended
    person.go_to(NAME)
    see(person.page, "Terminated", "It has ended", "End of the allocation")
    assert person.on_the_cluster(account) == []


def test_the_pages_raise_no_error_and_open_no_dialog_in_the_browser(ended: tuple[Person, str]) -> None:
    assert ended[0].complaints == []


def test_the_overview_tells_offerings_resources_and_orders(
    ended: tuple[Person, str], up: Any, page: Any, shoot: Any
) -> None:
    page.goto(up.stack.page_url)
    see(page, "SLURM cluster", "Protein folding", NAME, "Terminated", "Urgent", "New allocation")
    shoot("sandbox-overview", whole=True)


def test_an_allocation_in_use_shows_usage_with_a_plot_and_its_users(up: Any, page: Any, shoot: Any) -> None:
    go(up, page, "Protein folding")
    see(page, "Usage of", "CPU", "MB-minutes", up.stack.person, "100.00%", "under 0.01%", "set_usage")
    assert page.get_by_role("img", name="The amounts as they were told").is_visible()
    shoot("sandbox-allocation", whole=True)


def test_limits_that_cannot_be_are_explained_beside_what_was_typed(up: Any, page: Any, shoot: Any) -> None:
    go(up, page, "Order an allocation")
    page.get_by_label("Name").fill("Ice sheets")
    page.get_by_label("GPU").fill("a lot")
    page.get_by_role("button", name="Place the order").click()
    see(page, "The marketplace refused it (400): limits gres/gpu: A valid integer is required.")
    assert page.get_by_label("GPU").input_value() == "a lot"
    shoot("sandbox-order")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_page_fits_a_phone_by_day_and_by_night(up: Any, page: Any, shoot: Any, colours: str) -> None:
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme=colours)
    for words in ("Overview", "Requests", "Order an allocation", "Protein folding"):
        go(up, page, words)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], words
    if colours == "dark":
        shoot("sandbox-phone")


def test_the_report_of_the_last_push_is_one_link_away(up: Any, page: Any, shoot: Any) -> None:
    page.goto(up.stack.page_url)
    page.get_by_role("link", name="Report of the last push").click()
    see(page, "Usage of", "Allocations", "proteinfolding", "Usage per day and allocation", "slurmdbd")
    shoot("usage-report", whole=True)
