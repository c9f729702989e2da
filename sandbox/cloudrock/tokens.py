"""Tokens: who is calling, and the four ways not to be let in."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from sandbox.cloudrock.errors import UnauthorizedError
from sandbox.cloudrock.tables import User

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from sandbox.cloudrock.store import Store


def new_token() -> str:
    """40 hex digits."""
    return secrets.token_hex(20)


def key_in(header: str | None) -> str:
    """The token in an Authorization header."""
    words = (header or "").split()
    if not words or words[0].lower() != "token":
        raise UnauthorizedError("Authentication credentials were not provided.")
    if len(words) == 1:
        raise UnauthorizedError("Invalid token header. No credentials provided.")
    if len(words) > 2:  # noqa: PLR2004 - the word "token" and the token
        raise UnauthorizedError("Invalid token header. Token string should not contain spaces.")
    return words[1]


def user_of(session: Session, key: str, now: datetime) -> User:
    """The user whose token this is."""
    user = session.scalar(select(User).where(User.token == key))
    if user is None:
        raise UnauthorizedError("Invalid token.")
    if not user.is_active:
        raise UnauthorizedError("User inactive or deleted.")
    if user.token_lifetime is not None and user.token_used + timedelta(seconds=user.token_lifetime) < now:
        raise UnauthorizedError("Token has expired.")
    return user


def authenticate(store: Store, header: str | None, now: datetime) -> str:
    """Check the token, and renew it: every authenticated request does, also one that fails later."""
    key = key_in(header)
    with store.reading() as session:
        user = user_of(session, key, now)
        name, perishable = user.username, user.token_lifetime is not None
    if perishable:
        with store.writing() as session:
            user_of(session, key, now).token_used = now
    return name
