"""Vega-Lite to SVG.

Colours are CSS variables (`--chart-...` in `azureml.css`), so the same drawing is light or dark as its page is.
vl-convert holds a JavaScript engine: it is imported when the first chart is drawn, and draws one at a time.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

MOST_KEPT = 500
WIDTH = 450
HEIGHT = 240
SERIES = tuple(f"var(--chart-{number})" for number in range(1, 7))
"""Colours of lines and bars; no chart has more of them."""
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [1, 3])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")

INK, FAINT, LINE = "var(--ink)", "var(--faint)", "var(--line)"
_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": "transparent"},
    "axis": {
        "labelColor": FAINT,
        "titleColor": INK,
        "titleFontWeight": 600,
        "titleFontSize": 12,
        "labelFontSize": 11,
        "gridColor": LINE,
        "domainColor": FAINT,
        "tickColor": FAINT,
        "labelLimit": 210,
        "titlePadding": 8,
        "labelFlush": False,
        "labelOverlap": "greedy",
    },
    "legend": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "orient": "bottom",
        "labelLimit": 220,
        "columns": 3,
    },
    "bar": {"color": SERIES[0], "cornerRadiusEnd": 2},
    "line": {"color": SERIES[0], "strokeWidth": 2},
    "point": {"color": SERIES[0], "filled": True, "size": 50, "opacity": 1},
    "rule": {"color": FAINT},
    "text": {"color": INK, "fontSize": 11},
    "range": {"category": list(SERIES), "symbol": list(SHAPES)},
}
_OPENING = re.compile(r"<svg [^>]*?viewBox=\"0 0 ([\d.]+) ([\d.]+)\"[^>]*>")

_lock = threading.Lock()
_kept: OrderedDict[str, Markup] = OrderedDict()


def draw(spec: Mapping[str, Any], *, label: str) -> Markup:
    """The drawing, for the inside of a page. `label` is read out for it as a whole."""
    whole = {"width": WIDTH, "height": HEIGHT, "padding": 4, **spec, "config": _CONFIG}
    text = json.dumps([whole, label], sort_keys=True)
    with _lock:
        if text in _kept:
            _kept.move_to_end(text)
            return _kept[text]
        import vl_convert

        drawn = _for_page(vl_convert.vegalite_to_svg(whole, allowed_base_urls=[]), label)
        _kept[text] = drawn
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return drawn


def _for_page(svg: str, label: str) -> Markup:
    """Its own size at most, and smaller where the page is narrow."""
    found = _OPENING.search(svg)
    if found is None:
        raise AssertionError("Vega begins with an svg element that has a viewBox")
    width, height = found[1], found[2]
    opening = (
        f'<svg class="chart" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(label)}" tabindex="0">'
    )
    return Markup(opening + svg[found.end() :])  # noqa: S704  # Vega escapes what it was given
