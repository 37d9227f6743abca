"""Uploaded pictures: what is kept of them, and what is refused (RS-15)."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from app.core.errors import Invalid
from app.resellers.images import ImagePurpose, safe_picture
from app.resellers.svg import UnsafePicture, safe_svg


def encoded(kind: str, size: tuple[int, int] = (64, 64), **options: object) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, "#336699").save(made, kind, **options)
    return made.getvalue()


def png_of(width: int, height: int) -> bytes:
    """A tiny PNG that claims to be very large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "content_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")]
)
def test_pictures_are_written_anew(kind: str, content_type: str) -> None:
    """RS-15: uploads are re-encoded: what stands behind or inside the pixels' file is gone."""
    content = encoded(kind) + b"<script>alert(1)</script>"

    kept = safe_picture(ImagePurpose.LOGO, content, field="logo")

    assert kept.content_type == content_type
    assert b"script" not in kept.content
    assert Image.open(io.BytesIO(kept.content)).size == (64, 64)


def test_what_a_camera_wrote_into_a_picture_is_gone() -> None:
    """RS-15: places and names in a photograph's data are not published."""
    exif = Image.Exif()
    exif[0x010E] = "Taken at home"
    kept = safe_picture(ImagePurpose.BANNER, encoded("JPEG", (1600, 600), exif=exif), field="image")
    assert b"Taken at home" not in kept.content


def test_a_large_picture_is_made_smaller() -> None:
    """RS-15: nobody downloads more pixels than a page can show."""
    kept = safe_picture(ImagePurpose.LOGO, encoded("PNG", (4000, 1000)), field="logo")
    assert (kept.width, kept.height) == (1024, 256)


@pytest.mark.parametrize(
    ("purpose", "content", "code"),
    [
        (ImagePurpose.LOGO, png_of(50_000, 50_000), "file_unsafe"),
        (ImagePurpose.LOGO, png_of(7_000, 7_000), "file_unsafe"),
        (ImagePurpose.LOGO, encoded("PNG")[:60], "file_type"),
        (ImagePurpose.LOGO, encoded("GIF"), "file_type"),
        (ImagePurpose.LOGO, encoded("BMP"), "file_type"),
        (ImagePurpose.LOGO, b"", "file_type"),
        (ImagePurpose.BANNER, encoded("PNG") + b"0" * (2 * 1024 * 1024), "file_size"),
        (ImagePurpose.FAVICON, encoded("ICO", (64, 64)) + b"0" * 100 * 1024, "file_size"),
        (ImagePurpose.FAVICON, encoded("PNG", (40, 41)), "square"),
    ],
)
def test_unfit_pictures_are_refused(purpose: ImagePurpose, content: bytes, code: str) -> None:
    """RS-15: wrong type, too large in bytes or in pixels, or not square is refused with its code."""
    with pytest.raises(Invalid) as refusal:
        safe_picture(purpose, content, field="logo")
    assert refusal.value.codes == (code,)


def test_a_favicon_becomes_png() -> None:
    """RS-15: an ICO is accepted and served as PNG."""
    kept = safe_picture(ImagePurpose.FAVICON, encoded("ICO", (64, 64)), field="favicon")
    assert (kept.content_type, kept.width) == ("image/png", 64)


@pytest.mark.parametrize(
    "part",
    [
        "<script>alert(1)</script>",
        '<rect onload="alert(1)" width="1" height="1"/>',
        '<a href="javascript:alert(1)"><rect/></a>',
        '<use href="https://evil.example/x.svg#a"/>',
        '<use xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="data:image/svg+xml,alert(1)"/>',
        '<rect style="background:url(https://evil.example/alert(1))"/>',
        '<rect fill="url(https://evil.example/alert(1)#p)"/>',
        "<style>@import url(https://evil.example/alert(1).css);</style>",
        "<foreignObject><div>alert(1)</div></foreignObject>",
        '<animate attributeName="href" to="javascript:alert(1)"/>',
        '<set attributeName="onload" to="alert(1)"/>',
        "<!-- alert(1) -->",
        "<?xml-stylesheet href='https://evil.example/alert(1)'?>",
        '<image href="https://evil.example/alert(1).png"/>',
        '<iframe xmlns="http://www.w3.org/1999/xhtml" src="javascript:alert(1)"/>',
    ],
)
def test_nothing_that_runs_or_loads_survives_in_svg(part: str) -> None:
    """RS-F41: SVG with script does not execute: nothing but harmless shapes is left."""
    content = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{part}<circle r="4" fill="url(#g)"/></svg>'

    kept = safe_svg(content.encode())

    assert b"circle" in kept
    assert b"url(#g)" in kept
    for trace in (b"alert", b"evil.example", b"javascript"):
        assert trace not in kept


def test_entities_in_svg_are_refused() -> None:
    """RS-15: an SVG that defines entities is refused: it may blow up or read files."""
    bomb = b'<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg">&b;</svg>'
    deep = b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<g>" * 9000 + b"</g>" * 9000 + b"</svg>"
    for content in (bomb, deep, b"<svg", b"<svg xmlns='http://www.w3.org/2000/svg'><g></svg>", b"<html/>"):
        with pytest.raises(UnsafePicture):
            safe_svg(content)
