"""A page's address for a phone's camera."""

from __future__ import annotations

from edgecnn.runtime.opencv import opencv


def qr_code(text: str) -> str:
    """A QR code in a terminal's colors: two modules per character, light on dark terminals and on light ones alike.

    Empty where OpenCV can't make one.
    """
    cv2 = opencv()
    if not hasattr(cv2, "QRCodeEncoder"):
        return ""
    modules = (
        cv2.copyMakeBorder(cv2.QRCodeEncoder.create().encode(text), 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=255) > 0
    )
    if len(modules) % 2:
        modules = cv2.copyMakeBorder(modules.astype("uint8"), 0, 1, 0, 0, cv2.BORDER_CONSTANT, value=1) > 0
    blocks = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
    rows = ["".join(blocks[bool(a), bool(b)] for a, b in zip(*pair)) for pair in zip(modules[::2], modules[1::2])]
    return "\n".join(f"\033[97;40m{row}\033[0m" for row in rows)
