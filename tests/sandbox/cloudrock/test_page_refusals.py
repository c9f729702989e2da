"""What the stand-in's page refuses, and that it does so in REST's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.cloudrock.visitor import alert_of

if TYPE_CHECKING:
    from tests.sandbox.cloudrock.visitor import Visitor


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"limit__cpu": "-1"}, "limits cpu: Ensure this value is greater than or equal to 0"),
        ({"limit__cpu": "many"}, "limits cpu: A valid integer is required"),
        ({"limit__cpu": "1.5"}, "limits cpu: A valid integer is required"),
        ({"limit__cpu": "9" * 30}, f"limits cpu: Ensure this value is less than or equal to {2**63 - 1}"),
        ({"limit__mem": "1"}, "limits: Invalid types: mem"),
        ({"limit__<b>": "1"}, "limits: Invalid types: <b>"),
    ],
)
def test_limits_that_cannot_be_are_refused_in_one_sentence_and_stay_in_the_form(
    visitor: Visitor, typed: dict[str, str], complaint: str
) -> None:
    before = visitor.rest("GET", "marketplace-order-items/").headers["X-Result-Count"]
    answer = visitor.order("refused", **typed)
    assert (answer.status_code, alert_of(answer)) == (400, f"The marketplace refused it (400): {complaint}.")
    assert 'value="refused"' in answer.text
    assert visitor.rest("GET", "marketplace-order-items/").headers["X-Result-Count"] == before


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"name": "  "}, "name: This field may not be blank"),
        ({"name": "n" * 151}, "name: Ensure this field has no more than 150 characters"),
        ({"plan": "0" * 32}, "plan: Invalid hyperlink - Object does not exist"),
        ({"project": "0" * 32}, "project: Invalid hyperlink - Object does not exist"),
    ],
)
def test_a_form_that_is_not_whole_is_refused(visitor: Visitor, typed: dict[str, str], complaint: str) -> None:
    answer = visitor.order(**typed)
    assert (answer.status_code, alert_of(answer)) == (400, f"The marketplace refused it (400): {complaint}.")


def test_a_terminated_resource_has_no_buttons_and_refuses_them_as_rest_does(visitor: Visitor) -> None:
    _, resource = visitor.made("ending")
    page = f"resources/{resource}/"
    item = str(visitor.press(f"{page}terminate/", approved="yes").url).rstrip("/").rpartition("/")[2]
    second = visitor.press(f"{page}terminate/", approved="yes")
    assert alert_of(second) == (
        "The marketplace refused it (400): Pending order item for resource already exists."
    )
    visitor.office.run_worker()
    visitor.tell(f"marketplace-order-items/{item}/set_state_done/")
    text = visitor.see(page)
    assert "It has ended" in text
    assert "<form" not in text
    refused = visitor.rest("POST", f"marketplace-resources/{resource}/terminate/", actor="customer_owner")
    for button, fields in (("limits", {"limit__cpu": "1"}), ("terminate", {})):
        answer = visitor.press(f"{page}{button}/", approved="yes", **fields)
        assert answer.status_code == refused.status_code == 400
        assert alert_of(answer) == f"The marketplace refused it (400): {refused.json()[0].rstrip('.')}."


def test_a_form_without_the_key_of_this_start_does_nothing(visitor: Visitor) -> None:
    before = visitor.rest("GET", "marketplace-order-items/").headers["X-Result-Count"]
    for key in ("", "k" * 43, "ü"):
        answer = visitor.order("foreign", key=key)
        assert answer.status_code == 403
        assert alert_of(answer).startswith("This form is from before the stand-in's last start.")
    assert visitor.rest("GET", "marketplace-order-items/").headers["X-Result-Count"] == before


def test_only_names_of_this_machine_are_answered(visitor: Visitor) -> None:
    for host, status in (
        *(("evil.example.com", 403), ("[", 403), ("127.0.0.1.nip.io:8008", 403), ("localhost:8008", 200)),
        *(("[::1]:8008", 200), ("marketplace:8008", 200)),
    ):
        for path in ("", visitor.order_path):
            assert visitor.web.get(path, headers={"Host": host}).status_code == status, host
    foreign = visitor.web.post(
        visitor.order_path, data={"key": visitor.key}, headers={"Host": "evil.example.com"}
    )
    assert foreign.status_code == 403


@pytest.mark.parametrize("path", ["orders/{}/", "resources/{}/", "offerings/{}/order/"])
@pytest.mark.parametrize("uuid", ["0" * 32, "nonsense", "..%2f..%2fetc"])
def test_what_is_not_there_is_said_so(visitor: Visitor, path: str, uuid: str) -> None:
    answer = visitor.web.get(path.format(uuid))
    assert answer.status_code == 404
    assert "Not found" in answer.text or "Not Found" in answer.text


def test_a_button_s_address_that_is_opened_leads_back_to_its_page(visitor: Visitor) -> None:
    _, resource = visitor.made("reloaded")
    answer = visitor.web.get(f"resources/{resource}/limits/")
    assert (answer.status_code, answer.url.path) == (200, f"/page/resources/{resource}/")


def test_a_customer_who_may_not_log_in_any_more_cannot_order(visitor: Visitor) -> None:
    visitor.office.set_user_active("genomics-owner", active=False)
    try:
        answer = visitor.order("late")
    finally:
        visitor.office.set_user_active("genomics-owner", active=True)
    assert (answer.status_code, alert_of(answer)) == (
        401,
        "The marketplace refused it (401): User inactive or deleted.",
    )


def test_rest_refuses_limits_orders_until_a_later_server_is_asked_for(visitor: Visitor) -> None:
    _, resource = visitor.made("later")
    path = f"marketplace-resources/{resource}/update_limits/"
    body = {"limits": {"cpu": 7}}
    assert visitor.rest("POST", path, body, "customer_owner").status_code == 400
    visitor.office.set_limits_orders(enabled=True)
    try:
        assert visitor.rest("POST", path, {}, "customer_owner").json() == {
            "limits": ["This field is required."]
        }
        assert visitor.rest("POST", path, {"limits": [1]}, "customer_owner").status_code == 400
        assert visitor.rest("POST", path, body, "customer_owner").status_code == 200
    finally:
        visitor.office.set_limits_orders(enabled=False)
