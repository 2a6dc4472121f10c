"""Histograms as inline SVG, without a plotting library."""

from __future__ import annotations

from html import escape

import numpy as np

from robocell_controller.contract import Array

_WIDTH, _HEIGHT, _BASE, _BARS = 860, 150, 118, 60


def histogram(values: Array, unit: str, name: str, logarithmic: bool = False) -> str:
    """Bars of how often each value occurs, heights on a square-root scale, so that rare ones show.

    Args:
        values: shape [n], n above 0.
        unit: of the values.
        name: what they are.
        logarithmic: let the bars widen with the value.
    """
    edges = _edges(values, logarithmic)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    heights = np.sqrt(counts / counts.max()) * (_BASE - 24)
    step = _WIDTH / len(counts)
    bars = "".join(
        f'<rect x="{index * step:.1f}" y="{_BASE - height:.1f}" width="{step - 1:.1f}" height="{height:.1f}">'
        f"<title>{count} from {low:.3g} to {high:.3g} {escape(unit)}</title></rect>"
        for index, (height, count, low, high) in enumerate(zip(heights, counts, edges[:-1], edges[1:], strict=True))
        if count
    )
    marks = "".join(_mark(index * step, edges[index], unit) for index in range(0, len(edges), len(counts) // 6))
    label = f"{escape(name)}, {len(values)} values"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}" font-size="12" fill="#66748a">'
        f'<text x="0" y="14">{label}</text><g fill="#1f5fae">{bars}</g>'
        f'<line x1="0" x2="{_WIDTH}" y1="{_BASE}" y2="{_BASE}" stroke="#e3e8ef"/>{marks}</svg>'
    )


def _edges(values: Array, logarithmic: bool) -> Array:
    low, high = float(values.min()), float(values.max())
    if logarithmic:
        low = max(low, 1.0)
        return np.geomspace(low, max(high, 1.01 * low), _BARS + 1)
    return np.linspace(low, high if high > low else low + 1.0, _BARS + 1)


def _mark(x: float, value: float, unit: str) -> str:
    anchor = "start" if x < 1 else "end" if x > _WIDTH - 1 else "middle"
    number = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return f'<text x="{x:.1f}" y="{_BASE + 16}" text-anchor="{anchor}">{number} {escape(unit)}</text>'
