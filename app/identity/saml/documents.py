"""From what somebody sent to a tree that is safe to look at. A DTD, an entity or a comment never gets that far."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator

from lxml import etree

from app.identity.saml.errors import AnswerRefused

LARGEST = 256 * 1024  # bytes of XML
ID_NAMES = ("ID", "Id", "id", "xml:id", "AssertionID", "{http://www.w3.org/XML/1998/namespace}id")
XML_START = "<"


def read_answer(encoded: str) -> etree._Element:
    """Return the root of a base64 answer; raises AnswerRefused before any parser sees a DTD or an entity."""
    if len(encoded) > LARGEST * 4 // 3 + 4096:  # with line breaks
        raise AnswerRefused("too_large")
    return _plain(_decoded(encoded))


def read_deflated(encoded: str) -> etree._Element:
    """Return the root of a message of the redirect binding: deflated, then base64; raises AnswerRefused as above."""
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        raw = unpack.decompress(_decoded(encoded), LARGEST + 1)
    except zlib.error as error:
        raise AnswerRefused("not_deflated") from error
    if not unpack.eof or unpack.unused_data:
        raise AnswerRefused("too_large" if len(raw) > LARGEST else "not_deflated")
    return _plain(raw)


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise AnswerRefused("not_base64") from error


def _plain(raw: bytes) -> etree._Element:
    root = read_document(raw)
    if any(not isinstance(node.tag, str) for node in _nodes(root)):
        raise AnswerRefused("comment")
    return root


def read_document(raw: bytes) -> etree._Element:
    """Return the root of a document as it stands, comments and all. Only UTF-8, so that no encoding hides a DTD."""
    if len(raw) > LARGEST:
        raise AnswerRefused("too_large")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnswerRefused("not_utf8") from error
    if "\x00" in text or not text.lstrip().startswith(XML_START):
        raise AnswerRefused("not_xml")
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        raise AnswerRefused("dtd")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=False,
        remove_pis=False,
    )
    try:
        root: etree._Element = etree.fromstring(text.lstrip().encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise AnswerRefused("not_xml") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise AnswerRefused("dtd")
    return root


def _nodes(root: etree._Element) -> Iterator[etree._Element]:
    before = root.getprevious()
    while before is not None:
        yield before
        before = before.getprevious()
    yield from root.iter()
    after = root.getnext()
    while after is not None:
        yield after
        after = after.getnext()


def ids_of(root: etree._Element) -> list[str]:
    """Return every id in a document, under each name that some reader takes for one."""
    return [found for node in root.iter() for name in ID_NAMES if (found := node.get(name)) is not None]
