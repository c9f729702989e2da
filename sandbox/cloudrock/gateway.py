"""The outermost layer: the request log, the faults, the Date of our own clock, and too long request lines."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from sandbox.cloudrock.clock import as_http_date, as_text
from sandbox.cloudrock.errors import URI_TOO_LONG_PAGE
from sandbox.cloudrock.journal import Entry

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from sandbox.cloudrock.faults import Fault
    from sandbox.cloudrock.parts import Parts

LONGEST_LINE = 4094
BESIDE_THE_API = ("/sandbox/", "/page/")
"""What the real server does not have: neither logged nor troubled."""


class Gateway:
    """Wraps the application, as gunicorn and the network wrap the real one."""

    def __init__(self, application: ASGIApp, parts: Parts) -> None:
        self._application = application
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        entry = Entry(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), "", None)
        entry.at = str(as_text(self._parts.clock.now()))
        beside_the_api = scope["path"] == "/" or scope["path"].startswith(BESIDE_THE_API)
        if not beside_the_api:
            self._parts.journal.add(entry)
        body = await _whole_body(receive)
        entry.body = _readable(body)

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
                entry.actor = scope.get("cloudrock.actor", "")
                date = as_http_date(self._parts.clock.now()).encode()
                message = {**message, "headers": [*message.get("headers", []), (b"date", date)]}
            await send(message)

        length = _line_length(scope)
        if length > LONGEST_LINE:
            page = URI_TOO_LONG_PAGE.format(length=length, limit=LONGEST_LINE)
            await _reply(send_dated, 414, page.encode(), "text/html", {})
            return
        fault = None
        if not beside_the_api:
            fault = self._parts.faults.take(scope["method"], scope["path"])
        await self._serve(scope, _replayed(body, receive), send_dated, fault, _Connection(receive, send))

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, fault: Fault | None, connection: _Connection
    ) -> None:
        if fault is None:
            await self._application(scope, receive, send)
            return
        match fault.kind:
            case "answer":
                await _reply(
                    send, fault.status, _as_bytes(fault.body), _media_type(fault.body), fault.headers
                )
            case "drop":
                await connection.drop()
            case "lose":
                await self._application(scope, receive, _nowhere)
                await connection.drop()
            case "kill":
                await self._application(scope, receive, _nowhere)
                fault.strike()
                await connection.drop()
            case "kill_told":
                await self._application(scope, receive, send)
                fault.strike()
            case _:
                await asyncio.sleep(fault.seconds)
                await self._application(scope, receive, send)


class _Connection:
    """The caller's connection, which can be cut before anything was said."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def drop(self) -> None:
        """Close it, and wait until uvicorn knows."""
        cycle = self._send.__self__  # type: ignore[attr-defined] # uvicorn hands out a bound method
        cycle.transport.abort()
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _nowhere(_message: Message) -> None:
    """Where lost answers go."""


async def _whole_body(receive: Receive) -> bytes:
    chunks = []
    more = True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body once more, for the application, and then whatever comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


async def _reply(send: Send, status: int, body: bytes, media_type: str, headers: dict[str, str]) -> None:
    pairs = {"content-type": media_type, "content-length": str(len(body)), **headers}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _as_bytes(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _media_type(body: object) -> str:
    return "text/html" if isinstance(body, str) else "application/json"


def _readable(body: bytes) -> object:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode("utf-8", "replace")


def _line_length(scope: Scope) -> int:
    """The request line, as gunicorn counts it."""
    target = scope.get("raw_path", b"") + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    return len(f"{scope['method']} ") + len(target) + len(" HTTP/1.1")
