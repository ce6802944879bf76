# SPDX-License-Identifier: BSD-3-Clause
"""Charts as SVG, written by hand: bars made of parts, and lines over a logarithmic axis. Text and figures
stay text, so a chart can be read and compared as a file."""
import html
import math

COLOURS = ("#4878a8", "#e49444", "#6aa56e", "#b85c5c", "#8a77b0", "#7f7f7f", "#c8b45a", "#5fb3b3", "#a0785a")
ROW, BAR, LABEL, RIGHT, WIDTH = 22, 16, 230, 90, 760
STYLE = "font-family='sans-serif' font-size='12' fill='#333'"
CHART = 320  # height of the field of lines
LEGEND = 18  # height of a row


class Svg:
    def __init__(self, width, height, title):
        self.parts = [f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
                      f"viewBox='0 0 {width} {height}' {STYLE}>",
                      f"<title>{html.escape(title)}</title>",
                      f"<rect width='{width}' height='{height}' fill='white'/>"]
        self.text(10, 20, title, size=14)

    def text(self, x, y, words, anchor="start", size=12):
        self.parts.append(f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}'>"
                          f"{html.escape(str(words))}</text>")

    def rect(self, x, y, width, height, colour):
        self.parts.append(f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(width, 0):.1f}' height='{height}' fill='{colour}'/>")

    def line(self, points, colour, width=1.0):
        where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f"<polyline points='{where}' fill='none' stroke='{colour}' stroke-width='{width}'/>")

    def legend(self, names, y):
        for name, colour, (x, row) in zip(names, COLOURS, legend_places(names)):
            self.rect(x, y + LEGEND * row, 11, 11, colour)
            self.text(x + 15, y + LEGEND * row + 10, name)

    def done(self):
        return "\n".join([*self.parts, "</svg>", ""])


def legend_places(names):
    """[(x, row)] of each name."""
    places, x, row = [], 10, 0
    for name in names:
        width = 30 + 7 * len(name)
        if x + width > WIDTH and x > 10:
            x, row = 10, row + 1
        places.append((x, row))
        x += width
    return places


def ticks(most, wanted=6):
    """Round numbers from 0 to at least `most`."""
    step = 10 ** math.floor(math.log10(most / wanted)) if most > 0 else 1
    step = next(step * factor for factor in (1, 2, 5, 10) if step * factor * wanted >= most)
    return [step * i for i in range(math.ceil(most / step) + 1)]


def bars(title, unit, names, rows):
    """rows: (label, [a part for each name]); parts lie end to end, their sum is written behind them."""
    axis = ticks(max(sum(parts) for _, parts in rows))
    field = WIDTH - LABEL - RIGHT
    top = 54 + LEGEND * legend_places(names)[-1][1]
    height = top + 30 + ROW * len(rows)
    svg = Svg(WIDTH, height, f"{title} ({unit})")
    svg.legend(names, 32)
    for tick in axis:
        x = LABEL + field * tick / axis[-1]
        svg.line([(x, top), (x, height - 26)], "#ddd")
        svg.text(x, height - 10, f"{tick:g}", "middle")
    for number, (label, parts) in enumerate(rows):
        y = top + 4 + ROW * number
        svg.text(LABEL - 8, y + 12, label, "end")
        x = float(LABEL)
        for part, colour in zip(parts, COLOURS):
            svg.rect(x, y, field * part / axis[-1], BAR, colour)
            x += field * max(part, 0) / axis[-1]
        svg.text(x + 6, y + 12, f"{sum(parts):.4g}")
    return svg.done()


def lines(title, unit, across, series):
    """series: {name: [(x, y)]}; x on a logarithmic axis, whose name is `across`."""
    everything = [point for points in series.values() for point in points]
    axis = ticks(max(y for _, y in everything))
    xs = sorted({x for x, _ in everything})
    left, right = math.log10(xs[0]), math.log10(max(xs[-1], xs[0] * 10))
    field, bottom = WIDTH - 60 - RIGHT, 60 + LEGEND * legend_places(series)[-1][1] + CHART
    svg = Svg(WIDTH, bottom + 50, f"{title} ({unit})")
    svg.legend(series, 32)

    def at(x, y):
        return 60 + field * (math.log10(x) - left) / (right - left), bottom - CHART * y / axis[-1]

    for tick in axis:
        svg.line([at(xs[0], tick), (60 + field, at(xs[0], tick)[1])], "#ddd")
        svg.text(54, at(xs[0], tick)[1] + 4, f"{tick:g}", "end")
    for x in xs:
        svg.text(at(x, 0)[0], bottom + 18, f"{x:,}", "middle")
    svg.text(60 + field / 2, bottom + 40, across, "middle")
    for points, colour in zip(series.values(), COLOURS):
        svg.line([at(*point) for point in sorted(points)], colour, 2)
        for point in points:
            x, y = at(*point)
            svg.parts.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>")
    return svg.done()
