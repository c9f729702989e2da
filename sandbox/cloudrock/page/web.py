"""The pages' addresses: who may ask, what a button's form says, and where one is sent afterwards.

The buttons act with the rights of the marketplace's people, without anybody logging in. So a form counts
only with the key of this start, which no other site's page can read, and a foreign host name is not answered
at all.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from sandbox.cloudrock.errors import ApiError, BrokenServerError, NotFoundError
from sandbox.cloudrock.page.acting import Desk, Wish
from sandbox.cloudrock.page.views import Pages, Surroundings, Visit
from sandbox.cloudrock.page.wording import sentence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from sandbox.cloudrock.parts import Parts

    Form: TypeAlias = Mapping[str, str]
    Show: TypeAlias = Callable[[Request, Visit], str]
    Press: TypeAlias = Callable[[Request, Form], str]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
HOME = "/page/"
LIMIT = "limit "
"""Begins the names of the fields for limits; the component's type follows."""
LONGEST_NAME = 150
OLD_FORM = "This form is from before the stand-in's last start. Nothing was done: please try again here."


class Site:
    """The addresses, on top of pages and buttons."""

    def __init__(
        self, parts: Parts, tokens: Mapping[str, str], users: Mapping[str, str], around: Surroundings
    ) -> None:
        self._key = secrets.token_urlsafe(32)
        self._pages = Pages(parts, users, around, self._key)
        self._desk = Desk(parts, tokens)

    def mount(self, app: FastAPI) -> None:
        """Answer below /page/, and send there whoever asks for nothing."""
        pages, desk = self._pages, self._desk
        order = f"{HOME}offerings/{{uuid}}/order/"
        item = f"{HOME}orders/{{uuid}}/"
        resource = f"{HOME}resources/{{uuid}}/"
        _get(app, "/", lambda _: _sent_to(HOME))
        self._page(app, HOME, lambda _, visit: pages.overview(visit))
        self._page(app, f"{HOME}requests/", self._requests)
        _get(app, f"{HOME}style.css", lambda _: self._file("style.css", "text/css"))
        _get(app, f"{HOME}follow.js", lambda _: self._file("follow.js", "text/javascript"))
        _get(app, f"{HOME}report/", self._report)

        def show_form(request: Request, visit: Visit) -> str:
            return pages.order_form(_uuid(request), visit)

        def show_item(request: Request, visit: Visit) -> str:
            return pages.item(_uuid(request), visit)

        def show_resource(request: Request, visit: Visit) -> str:
            return pages.resource(_uuid(request), visit)

        self._page(app, order, show_form)
        self._page(app, item, show_item)
        self._page(app, resource, show_resource)
        buttons: tuple[tuple[str, Press, Show], ...] = (
            (order, self._place, show_form),
            (f"{item}approve/", lambda request, _: desk.approve(_uuid(request)), show_item),
            (f"{item}reject/", lambda request, _: desk.reject(_uuid(request)), show_item),
            (f"{resource}limits/", self._change_limits, show_resource),
            (f"{resource}plan/", self._switch_plan, show_resource),
            (f"{resource}terminate/", self._terminate, show_resource),
        )
        for path, press, show in buttons:
            self._button(app, path, press, show)

    def _page(self, app: FastAPI, path: str, show: Show) -> None:
        def answer(request: Request) -> Response:
            visit = Visit(refreshes=request.query_params.get("refresh") != "off")
            return self._shown(request, show, visit, 200)

        _get(app, path, answer)

    def _button(self, app: FastAPI, path: str, press: Press, show: Show) -> None:
        """Do it and go to the order; or show the same page again, with what was typed and why not."""

        def answer(request: Request, raw: bytes) -> Response:
            form = dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
            key = form.pop("key", "")
            visit = Visit(typed=form)
            if not hmac.compare_digest(key.encode(), self._key.encode()):
                return self._shown(request, show, replace(visit, error=OLD_FORM), 403)
            try:
                return _sent_to(f"{HOME}orders/{press(request, form)}/")
            except ApiError as error:
                return self._shown(request, show, replace(visit, error=sentence_of(error)), error.status)
            except BrokenServerError as error:
                return self._shown(request, show, replace(visit, error=sentence_of(error)), 500)

        async def endpoint(request: Request) -> Response:
            if not _is_ours(request):
                return _refused()
            return await run_in_threadpool(answer, request, await request.body())

        app.add_api_route(path, endpoint, methods=["POST"], response_model=None)
        if not path.endswith("/order/"):  # its form has the same address
            _get(app, path, lambda request: _sent_to(request.url.path.rstrip("/").rpartition("/")[0] + "/"))

    def _shown(self, request: Request, show: Show, visit: Visit, status: int) -> Response:
        try:
            text = show(request, visit)
        except NotFoundError:
            sentence = "The marketplace has nothing of this uuid: it may have been started anew."
            text, status = self._pages.message("Not found", sentence), 404
        return Response(text, status, HEADERS, media_type="text/html")

    def _requests(self, request: Request, visit: Visit) -> str:
        changes_only = request.query_params.get("show") == "changes"
        return self._pages.requests(visit, changes_only=changes_only)

    def _file(self, name: str, media_type: str) -> Response:
        return Response(self._pages.file(name), headers=HEADERS, media_type=media_type)

    def _report(self, _request: Request) -> Response:
        file = self._pages.around.report()
        if file is None:
            text = self._pages.message("No report yet", "push-usage writes one with each run.")
            return Response(text, 404, HEADERS, media_type="text/html")
        return Response(file.read_bytes(), 200, HEADERS, media_type="text/html")

    def _place(self, request: Request, form: Form) -> str:
        wish = Wish(
            project=form.get("project", ""),
            offering=_uuid(request),
            plan=form.get("plan", ""),
            name=_name(form),
            limits=_limits(form),
        )
        return self._desk.place(wish, approved=_approved(form))

    def _change_limits(self, request: Request, form: Form) -> str:
        return self._desk.change_limits(_uuid(request), _limits(form), approved=_approved(form))

    def _switch_plan(self, request: Request, form: Form) -> str:
        return self._desk.switch_plan(_uuid(request), form.get("plan", ""), approved=_approved(form))

    def _terminate(self, request: Request, form: Form) -> str:
        return self._desk.terminate(_uuid(request), approved=_approved(form))


def _get(app: FastAPI, path: str, answer: Callable[[Request], Response]) -> None:
    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answer, request) if _is_ours(request) else _refused()

    app.add_api_route(path, endpoint, methods=["GET", "HEAD"], response_model=None)


def _is_ours(request: Request) -> bool:
    """Whether the browser believes to talk to this machine: no name of the Internet, which has a dot.

    A foreign name that is made to lead here would let its pages read ours, keys and all.
    """
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return True


def _refused() -> Response:
    text = "This page is for the machine that it runs on: open it at its address on 127.0.0.1."
    return Response(text, 403, HEADERS, media_type="text/plain")


def _sent_to(path: str) -> Response:
    return Response(status_code=303, headers={**HEADERS, "Location": path})


def _uuid(request: Request) -> str:
    return str(request.path_params["uuid"])


def _name(form: Form) -> str:
    """The new allocation's name: REST takes any, but a form that was sent empty is a mistake."""
    name = form.get("name", "").strip()
    if not name:
        raise ApiError(400, {"name": ["This field may not be blank."]})
    if len(name) > LONGEST_NAME:
        raise ApiError(400, {"name": [f"Ensure this field has no more than {LONGEST_NAME} characters."]})
    return name


def _limits(form: Form) -> dict[str, str]:
    """The limits that were typed; an empty field names none."""
    typed = {name.removeprefix(LIMIT): text.strip() for name, text in form.items() if name.startswith(LIMIT)}
    return {name: text for name, text in typed.items() if text}


def _approved(form: Form) -> bool:
    return form.get("approved") == "yes"
