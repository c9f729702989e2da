"""The typed door to Cloudrock: one small method for each thing asked or told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudrock_io import sendable
from cloudrock_io.asking import Asking
from cloudrock_io.errors import CloudrockMisconfigured, UnsendableToCloudrock
from cloudrock_io.repeating import CONNECT_SECONDS, READ_SECONDS, Patience
from cloudrock_io.telling import Telling
from cloudrock_io.transport import Transport

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType
    from typing import Self


class Cloudrock(Asking, Telling):
    """One offering of one marketplace, through one API token.

    Use it as a context manager, or `close()` it. May be shared by threads; is never pickled.

    Every method raises `CloudrockError`s only: `CloudrockUnavailable` for what may pass, `CloudrockRejected`
    (and its children) for a refusal, `UnexpectedCloudrockData` for an answer that is not understood,
    `UnsendableToCloudrock` for an argument that must not be sent. `fetch_*` asks, everything else changes.

    Args:
        api_url: The address of the API, usually https://<host>/api/.
        token: The API token. Kept in memory only: no message, log or repr has it.
        offering_uuid: The offering, with or without dashes.
        verify_ssl: Whether the server's certificate is checked; a site's own CA goes into REQUESTS_CA_BUNDLE.
        connect_timeout: Seconds to wait for a connection.
        read_timeout: Seconds that the server may be silent while it answers.
        attempts: How often at most a request is sent, where repeating is safe.
        patience: All of the three and more, instead of them.
    """

    def __init__(  # noqa: PLR0913  # settings, all named
        self,
        api_url: str,
        token: str,
        offering_uuid: str,
        *,
        verify_ssl: bool = True,
        connect_timeout: float = CONNECT_SECONDS,
        read_timeout: float = READ_SECONDS,
        attempts: int = 4,
        patience: Patience | None = None,
    ) -> None:
        offering = _offering(offering_uuid)
        self.patience = patience or Patience(
            connect_timeout=connect_timeout, read_timeout=read_timeout, attempts=attempts
        )
        transport = Transport(api_url, token, verify_ssl=verify_ssl, patience=self.patience)
        super().__init__(transport, offering)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Cloudrock({self._transport.api_url!r}, offering_uuid={self._offering_uuid!r})"

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    @property
    def server_time(self) -> datetime | None:
        """The server's clock at its last answer; None before the first, or if it does not say."""
        return self._transport.server_time


def _offering(uuid: str) -> str:
    """The setting as the wire wants it: 32 digits, in small letters, no dashes."""
    try:
        return sendable.uuid("the offering's uuid", uuid.replace("-", "").lower())
    except UnsendableToCloudrock as error:
        raise CloudrockMisconfigured(
            f"The offering's uuid is not 32 hexadecimal digits: {error.got}",
            "The portal shows it in the offering's address",
        ) from None
