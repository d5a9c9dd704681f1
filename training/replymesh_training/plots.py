"""Plots as SVG, which any browser shows and no library is needed for."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np

SIDE = 600
BINS = 15


def _picture() -> ElementTree.Element:
    box = f"-10 -10 {SIDE + 20} {SIDE + 20}"
    svg = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": box, "width": str(SIDE), "height": str(SIDE)})
    ElementTree.SubElement(svg, "rect", {"width": str(SIDE), "height": str(SIDE), "fill": "white", "stroke": "black"})
    return svg


def _bar(svg: ElementTree.Element, x: float, y: float, width: float, height: float, strength: float, title: str) -> None:
    place = {"x": f"{x:.2f}", "y": f"{y:.2f}", "width": f"{width:.2f}", "height": f"{height:.2f}"}
    bar = ElementTree.SubElement(svg, "rect", {**place, "fill": "#1f5fa8", "fill-opacity": f"{strength:.3f}"})
    ElementTree.SubElement(bar, "title").text = title


def confusion_plot(labels: Sequence[str], truth: np.ndarray, guess: np.ndarray) -> str:
    """One field a pair of labels that occurs, true ones downwards, guessed ones to the right; darker for a larger share of the true label's rows."""
    svg, cell = _picture(), SIDE / len(labels)
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, (truth, guess), 1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        share = counts[row, column] / counts[row].sum()
        _bar(svg, column * cell, row * cell, cell, cell, share, f"{labels[row]} → {labels[column]}: {counts[row, column]}")
    return ElementTree.tostring(svg, "unicode")


def reliability_plot(confidence: np.ndarray, right: np.ndarray) -> str:
    """Share of right answers by confidence in bins of equal width, with the diagonal that honest confidence would follow."""
    svg, width = _picture(), SIDE / BINS
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    for place in np.unique(bins):
        own = right[bins == place]
        height = own.mean() * SIDE
        _bar(
            svg, place * width, SIDE - height, width, height, 0.6, f"confidence {confidence[bins == place].mean():.3f}, right {own.mean():.3f}, {len(own)} rows"
        )
    ElementTree.SubElement(svg, "line", {"x1": "0", "y1": str(SIDE), "x2": str(SIDE), "y2": "0", "stroke": "black", "stroke-dasharray": "6"})
    return ElementTree.tostring(svg, "unicode")
