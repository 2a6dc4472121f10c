from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?://)([^)\s]*)\)")


def targets(page: Path) -> list[tuple[Path, str]]:
    """File and anchor of each link of a page that stays in the repository."""
    links = (link.partition("#") for link in LINK.findall(page.read_text(encoding="utf-8")))
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in links]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for path, anchor in targets(page):
        assert path.exists(), f"{page.name} links to {path.relative_to(ROOT)}"
        assert not anchor or anchor in anchors(path), f"{page.name} links to {path.name}#{anchor}"


def test_a_reader_finds_every_page() -> None:
    found = {path for path, _ in targets(ROOT / "docs" / "README.md")}
    assert set(PAGES) - {ROOT / "docs" / "README.md"} <= found


def test_the_first_page_is_one() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
