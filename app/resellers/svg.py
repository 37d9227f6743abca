"""SVG pictures rebuilt from harmless elements and attributes: no script, no event, nothing from elsewhere (RS-15)."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

NAMESPACE = "http://www.w3.org/2000/svg"
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_ELEMENTS = """
    svg g defs title desc path rect circle ellipse line polyline polygon text tspan linearGradient radialGradient
    stop clipPath mask symbol use pattern style
"""
_ATTRIBUTES = """
    id class viewBox width height x y x1 y1 x2 y2 cx cy r rx ry fx fy d points transform fill fill-opacity fill-rule
    stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit stroke-dasharray
    stroke-dashoffset opacity color offset stop-color stop-opacity gradientUnits gradientTransform spreadMethod
    clip-path clip-rule clipPathUnits mask maskUnits maskContentUnits patternUnits patternContentUnits
    patternTransform preserveAspectRatio font-family font-size font-weight font-style text-anchor dominant-baseline
    letter-spacing dx dy version style display visibility vector-effect role aria-label aria-hidden
"""
ELEMENTS = frozenset(_ELEMENTS.split())
ATTRIBUTES = frozenset(_ATTRIBUTES.split())
DOCTYPE = re.compile(r"<!DOCTYPE[^\[>]*>", re.IGNORECASE)
OUTSIDE = re.compile(r"url\(\s*['\"]?(?!#)", re.IGNORECASE)
# In a style: imports, escapes, comments that split words, old ways to run something.
STYLE_RISKS = re.compile(r"@|\\|/\*|expression|javascript:|behavior|-moz-binding|</", re.IGNORECASE)
MOST_ELEMENTS = 20_000


class UnsafePicture(ValueError):
    """The picture is not SVG we can read, or holds what no picture needs."""


def looks_like_svg(content: bytes) -> bool:
    """Return whether a file means to be SVG."""
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) or b"<svg" in head


def safe_svg(content: bytes) -> bytes:
    """Return the picture without anything that could run or load; raises UnsafePicture for entities and broken files."""
    try:
        text = DOCTYPE.sub("", content.decode("utf-8-sig"), count=1)
        root = fromstring(text, forbid_dtd=True)
    except (UnicodeDecodeError, ET.ParseError, DefusedXmlException, ValueError) as error:
        raise UnsafePicture("This SVG cannot be read safely; save it anew or choose a PNG") from error
    if root.tag not in (f"{{{NAMESPACE}}}svg", "svg"):
        raise UnsafePicture("This file is not an SVG picture")
    if sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        raise UnsafePicture("This SVG has too many parts; simplify it or choose a PNG")
    try:
        rebuilt = _rebuilt(root)
    except RecursionError as error:
        raise UnsafePicture("This SVG is nested too deeply; simplify it or choose a PNG") from error
    if rebuilt is None:
        raise UnsafePicture("This file is not an SVG picture")
    ET.register_namespace("", NAMESPACE)
    return bytes(ET.tostring(rebuilt, encoding="utf-8", xml_declaration=True))


def _rebuilt(element: ET.Element) -> ET.Element | None:
    """Return a copy of an element with what is allowed of it, or None."""
    namespace, _, name = element.tag.rpartition("}")
    if name not in ELEMENTS or namespace not in ("", f"{{{NAMESPACE}"):
        return None
    text = element.text or ""
    if name == "style" and (STYLE_RISKS.search(text) or OUTSIDE.search(text)):
        return None
    copy = ET.Element(f"{{{NAMESPACE}}}{name}", _attributes(element))
    copy.text, copy.tail = element.text, element.tail
    for child in element:
        kept = _rebuilt(child)
        if kept is not None:
            copy.append(kept)
    return copy


def _attributes(element: ET.Element) -> dict[str, str]:
    found = {}
    for name, value in element.attrib.items():
        if name in ("href", XLINK_HREF):
            if value.strip().startswith("#"):
                found["href"] = value.strip()
        elif name in ATTRIBUTES and not OUTSIDE.search(value) and not (name == "style" and STYLE_RISKS.search(value)):
            found[name] = value
    return found
