"""The table of ``docs/bundles.md``: what checking a bundle costs, and how well fuzz and canary's test came out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from robocell_agents.files import read_json
from robocell_agents.pages.tables import markdown_table

TRUST_FILES = {
    "bench_bundle.json": "what robocell bench bundle --json prints",
    "bench_canary.json": "what robocell bench canary --json prints",
    "fuzz_bundle.json": "what tests/controller/hostile_bundles.py prints",
}
_KINDS = {
    "files": "a file changed, without the key",
    "contents": "a file changed, then signed",
    "graphs": "the graph's meaning changed, then signed",
}

Document = dict[str, Any]


def trust_table(folder: Path) -> str:
    """Markdown, from the files of ``folder`` that :data:`TRUST_FILES` names."""
    bundle, canary, fuzz = (read_json(folder / name, what) for name, what in TRUST_FILES.items())
    rows = [*_cost(bundle), *_fuzz(fuzz), *_canary(canary["cases"])]
    return markdown_table([["", "measured", "asked"], *rows])


def _cost(bundle: Document) -> Iterator[list[str]]:
    for name, what in (("verify", "all checks but the replay"), ("golden", "replay of the golden pairs")):
        took, asked = bundle["ms"][name], bundle["asked_ms"][name]
        measured = f"{took['median']:.1f} ms at the median, {took['max']:.1f} ms at worst (n={bundle['rounds']})"
        yield [what, measured, f"≤ {asked:.0f} ms"]


def _fuzz(fuzz: Document) -> Iterator[list[str]]:
    for name, what in _KINDS.items():
        kind = fuzz["kinds"][name]
        asked = "0" if name == "files" else "no crash"
        yield [f"bundles let in: {what}", f"{kind['let_in']} of {kind['loads']}", asked]
    longest = max(kind["load_ms"]["max"] for kind in fuzz["kinds"].values())
    yield ["longest of these loads, computing", f"{longest:.0f} ms", "no hang"]
    yield ["most memory that they took", f"{fuzz['peak_memory_mib']:.0f} MiB", f"≤ {fuzz['asked_memory_mib']} MiB"]


def _canary(cases: Document) -> Iterator[list[str]]:
    for name, case in cases.items():
        rejected = case["rejected"]
        interval = f"{100 * rejected['low']:.1f}-{100 * rejected['high']:.1f}"
        measured = f"{100 * rejected['rate']:.1f} % ({interval}, n={rejected['n']})"
        yield [f"canary rejects: {name}", measured, "≤ 5 %" if name.startswith("equal") else "≥ 95 %"]
