"""What browser and system a user agent names, as far as it is true: most of them name others too."""

from __future__ import annotations

import re

# The first that is found is the browser: those that name others come before them.
_BROWSERS = {
    "HeadlessChrome": "Chromium (headless)",
    "Edg": "Edge",
    "EdgA": "Edge",
    "EdgiOS": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "CriOS": "Chrome",
    "FxiOS": "Firefox",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Version": "Safari",
}
_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iOS",
    "iPad": "iPadOS",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Macintosh": "macOS",
    "Linux": "Linux",
}


def browser_of(user_agent: str) -> str:
    """For example "Chrome 141"."""
    for mark, name in _BROWSERS.items():
        found = re.search(rf"\b{mark}/(\d+)", user_agent)
        if found:
            return f"{name} {found[1]}"
    return "an unknown browser"


def system_of(user_agent: str) -> str:
    """For example "Android"; its version is left out, because browsers don't tell the true one any more."""
    return next((name for mark, name in _SYSTEMS.items() if mark in user_agent), "an unknown system")
