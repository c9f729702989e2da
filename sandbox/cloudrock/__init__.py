"""The embedded stand-in for the Cloudrock marketplace: docs/stand-in.md says what it covers."""

from sandbox.cloudrock.office_client import OfficeClient
from sandbox.cloudrock.server import Marketplace

__all__ = ["Marketplace", "OfficeClient"]
