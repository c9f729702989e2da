"""The web application: finds the handler, lets the caller in, and keeps the work only if it succeeded."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.routing import Match

from sandbox.cloudrock import (
    allocations,
    components,
    offerings,
    order_items,
    orders,
    people,
    resources,
    service_providers,
    slurm_remote,
    usages,
)
from sandbox.cloudrock.call import Call, Reply
from sandbox.cloudrock.errors import (
    NOT_FOUND_PAGE,
    SERVER_ERROR_PAGE,
    ApiError,
    MethodNotAllowedError,
    RefusedError,
)
from sandbox.cloudrock.tables import User
from sandbox.cloudrock.tokens import authenticate

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sqlalchemy.orm import Session
    from starlette.types import Scope

    from sandbox.cloudrock.back_office import BackOffice
    from sandbox.cloudrock.page.web import Site
    from sandbox.cloudrock.parts import Parts
    from sandbox.cloudrock.routing import Handler

LOG = logging.getLogger(__name__)
FAMILIES = (
    order_items,
    orders,
    resources,
    slurm_remote,
    allocations,
    usages,
    offerings,
    components,
    people,
    service_providers,
)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
SAFE = {"GET", "HEAD", "OPTIONS"}


def make_application(parts: Parts, office: BackOffice, site: Site) -> FastAPI:
    """The marketplace's API, and beside it the back office below /sandbox/ and the page below /page/."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    paths = {path: handlers for family in FAMILIES for path, handlers in family.ROUTES.paths.items()}
    for path in sorted(paths, key=lambda path: path.count("{")):  # users/me/ before users/{uuid}/
        app.add_api_route(f"/api/{path}", _endpoint(parts, paths[path]), methods=METHODS, response_model=None)
    app.add_api_route(
        "/sandbox/{name}/", _office_endpoint(parts, office), methods=["POST"], response_model=None
    )
    site.mount(app)
    app.add_exception_handler(404, lambda request, _: _unknown_path(app, request))
    return app


def _unknown_path(app: FastAPI, request: Request) -> Response:
    """An HTML page; a path that only lacks its last slash is sent there."""
    path = request.url.path
    scope: Scope = {**request.scope, "path": f"{path}/"}
    known = any(route.matches(scope)[0] is Match.FULL for route in app.routes)
    if not path.endswith("/") and known:
        query = f"?{request.url.query}" if request.url.query else ""
        return Response(status_code=301, headers={"Location": f"{path}/{query}"})
    return Response(NOT_FOUND_PAGE, 404, media_type="text/html")


def _endpoint(parts: Parts, handlers: dict[str, Handler]) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        return await run_in_threadpool(_answer, parts, handlers, request, raw)

    return endpoint


def _answer(parts: Parts, handlers: dict[str, Handler], request: Request, raw: bytes) -> Response:
    """One request, from its token to its answer. Any failure takes back all that it did."""
    approved: list[str] = []
    try:
        username = authenticate(parts.store, request.headers.get("authorization"), parts.clock.now())
        request.scope["cloudrock.actor"] = username
        reply = _handle(parts, handlers, request, raw, username, approved)
    except ApiError as error:
        reply = Reply(error.body, error.status, error.headers)
    except Exception:
        LOG.debug("%s %s broke", request.method, request.url.path, exc_info=True)
        return Response(SERVER_ERROR_PAGE, 500, media_type="text/html")
    if approved:
        parts.worker.call()
    return _as_response(reply)


def _handle(
    parts: Parts,
    handlers: dict[str, Handler],
    request: Request,
    raw: bytes,
    username: str,
    approved: list[str],
) -> Reply:
    method = "GET" if request.method == "HEAD" else request.method
    handler = handlers.get(method)
    known = [*handlers, *(["HEAD"] if "GET" in handlers else []), "OPTIONS"]
    if handler is None and method == "OPTIONS":
        return Reply({"name": request.url.path}, headers={"Allow": ", ".join(known)})
    if handler is None:
        raise MethodNotAllowedError(request.method, known)
    body = None if method in SAFE else parsed(raw, request.headers.get("content-type", ""))
    with _session(parts, method) as session:
        call = Call(
            session=session,
            user=session.scalars(select(User).where(User.username == username)).one(),
            now=parts.clock.now(),
            method=method,
            path=request.url.path,
            base=f"{request.url.scheme}://{request.headers.get('host', '127.0.0.1')}",
            query=request.query_params.multi_items(),
            body=body,
            switches=parts.switches,
            approved=approved,
        )
        return handler(call, **request.path_params)


def _session(parts: Parts, method: str) -> AbstractContextManager[Session]:
    return parts.store.reading() if method in SAFE else parts.store.writing()


def parsed(raw: bytes, content_type: str) -> object:
    """The body as JSON. No body is an empty object."""
    if not raw:
        return {}
    if content_type.partition(";")[0].strip() != "application/json":
        raise ApiError(415, {"detail": f'Unsupported media type "{content_type}" in request.'})
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RefusedError({"detail": f"JSON parse error - {error}"}) from None


def _no_constant(word: str) -> object:
    """NaN and the infinities are not JSON."""
    raise ValueError(f"Out of range float values are not JSON compliant: {word}")


def _as_response(reply: Reply) -> Response:
    if reply.body is None:
        return Response(status_code=reply.status, headers=reply.headers)
    text = json.dumps(reply.body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, reply.status, reply.headers, media_type="application/json")


def _office_endpoint(parts: Parts, office: BackOffice) -> Callable[..., object]:
    """The back office over HTTP, for another process: staff only."""

    async def endpoint(request: Request, name: str) -> Response:
        raw = await request.body()
        return await run_in_threadpool(_office_answer, parts, office, request, name, raw)

    return endpoint


def _office_answer(parts: Parts, office: BackOffice, request: Request, name: str, raw: bytes) -> Response:
    try:
        username = authenticate(parts.store, request.headers.get("authorization"), parts.clock.now())
        with parts.store.reading() as session:
            staff = session.scalar(select(User.is_staff).where(User.username == username))
        if not staff:
            raise ApiError(403, {"detail": "The back office is for staff."})  # noqa: TRY301 - one way out
        arguments = parsed(raw, "application/json")
        answer = office.perform(name, arguments if isinstance(arguments, dict) else {})
    except ApiError as error:
        return _as_response(Reply(error.body, error.status, error.headers))
    except (LookupError, TypeError, ValueError) as error:
        return _as_response(Reply({"detail": f"{type(error).__name__}: {error}"}, 400))
    return _as_response(Reply({"answer": answer}))
