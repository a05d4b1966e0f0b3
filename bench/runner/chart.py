"""The ratios as bars, one group a figure: an SVG file without scripts or fonts of its own."""

import math
from xml.sax.saxutils import escape

COLOURS = {"nestp": "#1b6ca8", "nestp -0": "#7fb3d5", "proot": "#c0392b", "bwrap": "#7d8a97"}
LABELS, BARS, BAR, GAP, TOP = 250, 560, 11, 10, 70


def _scale(largest):
    """Pixels of a ratio: logarithmic from 1, as ratios span two orders of magnitude."""
    decades = max(math.log10(max(largest, 2.0)), 0.31)
    return lambda ratio: BARS * max(math.log10(max(ratio, 1.0)), 0.004) / decades


def _text(x, y, text, anchor="start", size=12):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
            f"{escape(text)}</text>")


def _legend(contenders):
    parts, x = [], LABELS
    for who in contenders:
        parts.append(f'<rect x="{x}" y="40" width="12" height="12" fill="{COLOURS[who]}"/>')
        parts.append(_text(x + 16, 51, who))
        x += 110
    return parts


def _grid(scale, largest, bottom):
    parts = []
    for ratio in (1, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500):
        if ratio > largest and ratio > 2:
            break
        x = LABELS + scale(ratio)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#ccc"/>')
        parts.append(_text(x, TOP - 4, f"{ratio} x", "middle", 10))
    return parts


def draw(figures, facts):
    """The chart's text; figures that are no ratios, or have none, are left out."""
    chosen = [figure for figure in figures
              if figure.measure == "ratio" and figure.part != "micro" and figure.reached()]
    ratios = [(figure, [(who, figure.reached(who)) for who in COLOURS if figure.reached(who)])
              for figure in chosen]
    largest = max((ratio for _, bars in ratios for _, ratio in bars), default=2.0)
    scale = _scale(largest)
    parts, y = [], TOP + GAP
    for figure, bars in ratios:
        parts.append(_text(LABELS - 8, y + BAR * len(bars) / 2 + 4, figure.name, "end"))
        for who, ratio in bars:
            parts.append(f'<rect x="{LABELS}" y="{y}" width="{scale(ratio):.1f}" '
                         f'height="{BAR - 1}" fill="{COLOURS[who]}"/>')
            parts.append(_text(LABELS + scale(ratio) + 4, y + BAR - 2, f"{ratio:.2f}", size=9))
            y += BAR
        y += GAP
    present = [who for who in COLOURS if any(who == name for _, bars in ratios for name, _ in bars)]
    head = [_text(12, 24, f"Time in relation to a real chroot, {facts['date']}, {facts['cpu']}",
                  size=15), *_legend(present), *_grid(scale, largest, y)]
    width, height = LABELS + BARS + 60, y + 12
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'font-family="sans-serif"><rect width="100%" height="100%" fill="#fff"/>\n'
            + "\n".join(head + parts) + "\n</svg>\n")


def write(path, figures, facts):
    with open(path, "w", encoding="utf-8") as file:
        file.write(draw(figures, facts))
