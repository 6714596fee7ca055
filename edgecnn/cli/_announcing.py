"""Where a page is: its addresses, and a QR code for a phone where they have a token."""

from __future__ import annotations

from edgecnn.cli._output import draw, note


def announce(source: str, addresses: list[str], what: str = "the demo") -> None:
    """Say where to look."""
    note(f"Source: {source}")
    for address in addresses:
        note(f"Open in a browser: {address}")
    if addresses and "token=" in addresses[0]:
        from edgecnn.web.qr_code import qr_code

        draw(qr_code(addresses[0]))
    note(f"Press Ctrl-C to end {what}.")
