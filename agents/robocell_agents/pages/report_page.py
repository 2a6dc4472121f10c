"""The report's page: its style, and small pieces of HTML. Every text is escaped here, once."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_STYLE = """
:root { color-scheme: light; --ink: #1c2733; --muted: #66748a; --line: #e3e8ef; --blue: #1f5fae; --paper: #ffffff; }
* { box-sizing: border-box; }
body { margin: 0; background: #f4f6f9; color: var(--ink); -webkit-print-color-adjust: exact;
  font: 15px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums; print-color-adjust: exact; }
main { max-width: 920px; margin: 0 auto; padding: 48px 20px 64px; }
header { margin-bottom: 32px; }
.eyebrow { font-size: 12px; letter-spacing: .09em; text-transform: uppercase; color: var(--blue); font-weight: 650; }
h1 { font-size: 32px; line-height: 1.2; letter-spacing: -.02em; margin: 8px 0 10px; font-weight: 680; }
.lead { font-size: 17px; color: #42505f; max-width: 46em; margin: 0; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 14px; padding: 26px 30px;
  margin: 20px 0; }
h2 { font-size: 18px; letter-spacing: -.01em; margin: 0 0 4px; font-weight: 650; }
.note { color: var(--muted); font-size: 13.5px; margin: 0 0 16px; max-width: 54em; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 14px; margin: 20px 0; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 14px; padding: 16px 20px; }
.card b { display: block; font-size: 28px; line-height: 1.25; letter-spacing: -.02em; font-weight: 660; }
.card span { color: var(--muted); font-size: 13px; display: block; line-height: 1.45; }
.card .name { color: var(--ink); font-weight: 600; }
svg, img { max-width: 100%; height: auto; display: block; }
.film { display: grid; grid-template-columns: 1.78fr 1fr; gap: 18px; align-items: start; }
.film > img { border-radius: 10px; width: 100%; }
.strip { display: grid; grid-template-columns: repeat(2, 1fr); gap: 8px; }
.strip figure { margin: 0; } .strip img { border-radius: 6px; }
.strip figcaption { font-size: 12px; color: var(--muted); line-height: 1.5; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { font-weight: 600; color: var(--muted); font-size: 12px; vertical-align: bottom; line-height: 1.35; }
th, td { text-align: right; padding: 7px 0 7px 14px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th.name, td.name { text-align: left; }
th:first-child, td:first-child { padding-left: 0; }
tr:last-child td { border-bottom: 0; }
tr.same td { border-bottom-color: transparent; padding-bottom: 0; }
table + .scroll { margin-top: 18px; }
table.pairs td { white-space: normal; } table.pairs td:first-child { color: var(--muted); width: 34%; }
pre { background: #f4f6f9; border-radius: 8px; padding: 14px 16px; margin: 0; font-size: 12.5px; line-height: 1.7;
  white-space: pre-wrap; font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
@media (max-width: 640px) { .film { grid-template-columns: 1fr; } section { padding: 20px 16px; } }
@media print { body { background: #fff; font-size: 12px; } main { max-width: none; padding: 0; }
  section, .card { break-inside: avoid; border-color: #d3dae3; } section { padding: 16px 20px; margin: 14px 0; }
  h1 { font-size: 26px; } .cards { grid-template-columns: repeat(4, 1fr); gap: 8px; } .card { padding: 10px 14px; }
  .card b { font-size: 21px; } .card span { font-size: 11px; } .scroll { overflow: visible; }
  table { font-size: 10px; } th { font-size: 9.5px; } th, td { padding: 3px 0 3px 6px; } svg { max-height: 82mm; } }
"""


def page(title: str, lead: str, parts: Sequence[str]) -> str:
    """A whole document."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · robocell</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<header><div class="eyebrow">robocell report</div><h1>{escape(title)}</h1>'
        f'<p class="lead">{escape(lead)}</p></header>\n' + "\n".join(parts) + "\n</main>\n</body>\n</html>\n"
    )


def section(heading: str, note: str, content: str) -> str:
    """A part of the page; ``content`` is HTML."""
    shown = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(heading)}</h2>{shown}{content}</section>"


def cards(entries: Sequence[tuple[str, str, str]]) -> str:
    """Headline figures: name, value and remark of each."""
    return '<div class="cards">' + "".join(_card(*entry) for entry in entries) + "</div>"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], names: int = 1) -> str:
    """A table of numbers, whose first ``names`` columns are names and stand on the left."""
    head = f"<tr>{_cells('th', headings, names)}</tr>"
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{_rows(rows, names)}</tbody></table></div>'


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """A table of names and values."""
    return f'<table class="pairs"><tbody>{_rows(rows, 2)}</tbody></table>'


def commands(lines: Sequence[str]) -> str:
    """Command lines to copy."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def film(animation: str, stills: Sequence[tuple[str, str]]) -> str:
    """An animation beside stills: address of the animation; caption and address of each still."""
    strip = "".join(
        f'<figure><img src="{address}" alt=""><figcaption>{escape(caption)}</figcaption></figure>'
        for caption, address in stills
    )
    return f'<div class="film"><img src="{animation}" alt="One pick, animated"><div class="strip">{strip}</div></div>'


def _card(name: str, value: str, remark: str) -> str:
    return (
        f'<div class="card"><span class="name">{escape(name)}</span><b>{escape(value)}</b>'
        f"<span>{escape(remark)}</span></div>"
    )


def _rows(rows: Sequence[Sequence[str]], names: int) -> str:
    return "".join(_row(row, after, names) for row, after in zip(rows, [*rows[1:], ["end"]], strict=True))


def _row(cells: Sequence[str], after: Sequence[str], names: int) -> str:
    """One row; without a line below it where the next one goes on with the same subject, its first cell empty."""
    opening = "<tr>" if after[0] else '<tr class="same">'
    return f"{opening}{_cells('td', cells, names)}</tr>"


def _cells(tag: str, cells: Sequence[str], names: int) -> str:
    kinds = [' class="name"'] * names + [""] * len(cells)
    return "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=False))
