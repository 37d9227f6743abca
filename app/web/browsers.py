"""What a browser calls itself, in words a person knows: "Firefox on Linux"."""

from __future__ import annotations

# The first name that is found counts: Edge and Opera say Chrome too, Chrome says Safari.
BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"), ("curl", "curl"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def browser_words(user_agent: str | None) -> str:
    """Return browser and system as people name them; a browser of no name we know is "Unknown browser"."""
    said = user_agent or ""
    browser = next((words for sign, words in BROWSERS if sign in said), "Unknown browser")
    system = next((words for sign, words in SYSTEMS if sign in said), None)
    return f"{browser} on {system}" if system else browser
