"""What every template, style sheet and script of the themes keeps to."""

import gzip
import re

import pytest

from themes.gallery import __main__ as gallery
from themes.gallery.samples import STATUSES
from themes.registry import THEMES_FOLDER, themes
from themes.statuses import Tone, tone_of

TEMPLATES = sorted(path for path in THEMES_FOLDER.glob("*/templates/**/*") if path.suffix in {".html", ".txt"})
PAGES = [path for path in TEMPLATES if "mail" not in path.parts]
ICONS = set(
    re.findall(r'<symbol id="([a-z-]+)"', (THEMES_FOLDER / "base/static/icons.svg").read_text(encoding="utf-8"))
)
INLINE = re.compile(r"\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|<style|<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE)


def identify(path):
    return str(path.relative_to(THEMES_FOLDER))


@pytest.mark.parametrize("path", PAGES, ids=identify)
def test_page_template_carries_no_inline_script_or_style(path):
    assert INLINE.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "sample", ['<p style="x">', '<a onclick="x()">', "<style>", "<script>x</script>", 'href="javascript:x"']
)
def test_inline_check_sees_what_it_should(sample):
    assert INLINE.search(sample)


@pytest.mark.parametrize("path", TEMPLATES, ids=identify)
def test_every_icon_used_exists(path):
    text = path.read_text(encoding="utf-8")
    used = set(re.findall(r'\b_?icon\(\s*"([a-z-]+)"', text)) | set(re.findall(r'\bicon="([a-z-]+)"', text))
    used |= set(re.findall(r'"icon": "([a-z-]+)"', text))
    assert used - ICONS == set()


def test_icons_have_distinct_names():
    text = (THEMES_FOLDER / "base/static/icons.svg").read_text(encoding="utf-8")
    assert len(re.findall(r"<symbol ", text)) == len(ICONS)


@pytest.mark.parametrize("theme", themes().values(), ids=lambda theme: theme.name)
def test_style_of_a_storefront_stays_below_40_kb(theme):
    """UI.md: at most 40 kB CSS, compressed, on a storefront page."""
    names = ["base/css/tokens.css", "base/css/base.css", "base/css/components.css", "base/css/storefront.css"]
    total = 0
    for name in [*names, *theme.stylesheets]:
        folder, _, rest = name.partition("/")
        total += len(gzip.compress((THEMES_FOLDER / folder / "static" / rest).read_bytes()))
    assert total <= 40_000


def test_script_stays_below_60_kb():
    """UI.md: at most 60 kB JavaScript, compressed."""
    assert len(gzip.compress((THEMES_FOLDER / "base/static/js/galleria.js").read_bytes())) <= 60_000


@pytest.mark.parametrize("path", sorted(THEMES_FOLDER.glob("*/static/css/*.css")), ids=identify)
def test_style_uses_logical_directions_and_no_outside_address(path):
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"[{;\s](?:margin|padding|border|inset)-(?:left|right)\b", text) == []
    assert re.findall(r"text-align:\s*(?:left|right)", text) == []
    assert re.findall(r"url\(['\"]?https?:", text) == []
    assert text.count("{") == text.count("}")


def test_gallery_renders_every_frame_and_component(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "TARGET", tmp_path / "gallery")
    gallery.build()
    pages = sorted((tmp_path / "gallery").glob("*/*.html"))
    assert len(pages) == len(gallery.STOREFRONT_PAGES) * len(themes()) + len(gallery.OTHER_PAGES)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert page.stem == "mail" or INLINE.findall(text) == [], page
        assert text.count("<h1") == 1, page
        assert set(re.findall(r"icons\.svg#([a-z-]+)", text)) <= ICONS, page
        ids = re.findall(r'\sid="([^"]+)"', text)
        assert len(ids) == len(set(ids)), page


def test_mail_is_small_and_shows_its_link_as_text(tmp_path, monkeypatch):
    """UI.md: one button, the link also as text, a plain-text part, at most 100 kB."""
    monkeypatch.setattr(gallery, "TARGET", tmp_path / "gallery")
    gallery.build()
    address = "https://cloud.galaxy.example/techsolutions/orders/SO-2026-000142"
    html = (tmp_path / "gallery/admin/mail.html").read_text(encoding="utf-8")
    plain = (tmp_path / "gallery/admin/mail.txt").read_text(encoding="utf-8")
    assert len(html.encode()) < 100_000
    assert f">{address}</a>" in html
    assert html.count("<h1") == 1
    assert f"See your order:\n{address}\n" in plain
    assert "<" not in plain
    assert "\n\n\n" not in plain


@pytest.mark.parametrize(
    ("status", "tone"),
    [
        ("Executed", Tone.SUCCESS),
        ("PENDING_RESELLER_APPROVAL", Tone.WARNING),
        ("Failed", Tone.DANGER),
        ("Executing", Tone.PROGRESS),
        ("Draft", Tone.NEUTRAL),
        ("never heard of", Tone.NEUTRAL),
        (Tone.WARNING, Tone.WARNING),
    ],
)
def test_status_has_the_tone_of_what_it_asks(status, tone):
    assert tone_of(status) is tone


def test_statuses_of_the_specification_use_every_tone():
    assert {tone_of(status) for status in STATUSES} == set(Tone)
