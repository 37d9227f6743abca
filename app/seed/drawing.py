"""Logos and banners of the demo, drawn here: nothing of anybody else's is shipped."""

from __future__ import annotations

import io

import ttf_opensans
from PIL import Image, ImageDraw, ImageFont

WIDEST_NAME = 460  # pixels beside the mark
PAIRS = (
    ("#2353d6", "#8fa9f0"), ("#1c6b45", "#8cc3a5"), ("#0a7184", "#7fc0cc"), ("#74308f", "#c29ad2"),
    ("#b3213d", "#e79aa8"), ("#a4471f", "#e0a98e"), ("#3c3c98", "#a5a5dd"), ("#2b3440", "#9aa6b5"),
)  # fmt: skip


def _saved(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def logo(name: str, colors: tuple[str, str]) -> bytes:
    """Draw a mark of two shapes beside a name: PNG, 640 x 160, transparent."""
    image = Image.new("RGBA", (640, 160), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((8, 20, 128, 140), radius=28, fill=colors[0])
    draw.ellipse((48, 60, 148, 160), fill=colors[1])
    font = ImageFont.truetype(_typeface(), size=64)
    words = name if draw.textlength(name, font=font) < WIDEST_NAME else name.split(maxsplit=1)[0]
    draw.text((172, 42), words, font=font, fill=colors[0])
    return _saved(image)


def _typeface() -> str:
    """Return a typeface that has Greek letters; the invoice's PDF uses the same package."""
    return str(ttf_opensans.OPENSANS_SEMIBOLD.path)


def banner(colors: tuple[str, str]) -> bytes:
    """Draw a quiet landscape of the two colours: PNG, 1216 x 400."""
    image = Image.new("RGB", (1216, 400), colors[0])
    draw = ImageDraw.Draw(image, "RGBA")
    for step in range(6):
        top = 120 + 44 * step
        points = [(0, 400), (0, top)]
        points += [(x, top + ((x // 152 + step) % 2) * 38 - step * 4) for x in range(0, 1217, 152)]
        draw.polygon([*points, (1216, 400)], fill=(*_rgb(colors[1]), 40 + 20 * step))
    draw.ellipse((930, 40, 1030, 140), fill=(255, 255, 255, 90))
    return _saved(image)


def icon(colors: tuple[str, str]) -> bytes:
    """Draw a favicon: PNG, 64 x 64."""
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((2, 2, 50, 50), radius=12, fill=colors[0])
    draw.ellipse((22, 22, 62, 62), fill=colors[1])
    return _saved(image)


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def tile(name: str) -> bytes:
    """Draw a product's mark: its initials on two shapes whose colours follow from its name. PNG, transparent."""
    seed = sum(ord(letter) * (place + 1) for place, letter in enumerate(name))
    dark, light = PAIRS[seed % len(PAIRS)]
    image = Image.new("RGBA", (640, 400), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((330, 60, 530, 260), fill=light)
    draw.rounded_rectangle((190, 90, 430, 330), radius=48, fill=dark)
    font = ImageFont.truetype(_typeface(), size=112)
    initials = "".join(word[0] for word in name.split() if word[0].isalnum())[-2:].upper()
    draw.text((310, 206), initials, font=font, fill="#ffffff", anchor="mm")
    return _saved(image)
