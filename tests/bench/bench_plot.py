"""A bar chart as SVG, written by hand: one group of bars for each row, no other tool needed."""

from xml.sax.saxutils import escape

COLOURS = {"gateway": "#1f6feb", "nginx": "#2f9e44", "haproxy": "#8250df", "caddy": "#8c959f"}
WIDTH, LABELS, BAR, GAP, TOP = 800, 250, 13, 14, 64
FONT = "font-family='-apple-system,Segoe UI,Helvetica,Arial,sans-serif'"


def nice_ceiling(value):
    """The next of 1, 2, 2.5, 5, 10, 20 … that is not less."""
    step = 1.0
    while True:
        for factor in (1, 2, 2.5, 5):
            if factor * step >= value:
                return factor * step
        step *= 10


def text(x, y, what, anchor="start", size=12, colour="#24292f", weight="normal"):
    """One line of text."""
    return (f"<text x='{x:.0f}' y='{y:.0f}' text-anchor='{anchor}' font-size='{size}' "
            f"fill='{colour}' font-weight='{weight}' {FONT}>{escape(what)}</text>")


def bars(title, note, rows):
    """`rows` are (label, {name: value}). A bar that would not fit is cut, and says how long it is:
    one that is far away from the others must not hide what they differ in."""
    names = [name for name in COLOURS if any(name in values for _, values in rows)]
    room = WIDTH - LABELS - 70
    height = TOP + sum(len(values) * BAR + GAP for _, values in rows) + 20
    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' "
             f"viewBox='0 0 {WIDTH} {height}' role='img'>",
             f"<title>{escape(title)}</title>",
             f"<rect width='{WIDTH}' height='{height}' fill='#ffffff'/>",
             text(12, 22, title, size=15, weight="600"),
             text(12, 42, note, size=11, colour="#57606a")]
    for i, name in enumerate(names):
        x = WIDTH - 90 * (len(names) - i)
        parts.append(f"<rect x='{x}' y='12' width='11' height='11' fill='{COLOURS[name]}'/>")
        parts.append(text(x + 16, 22, name, size=12))
    y = TOP
    for label, values in rows:
        most = max(value for name, value in values.items() if name != "caddy")
        scale = room / nice_ceiling(most * 1.02)
        parts.append(text(LABELS - 10, y + len(values) * BAR / 2 + 4, label, "end"))
        for name in names:
            if name not in values:
                continue
            length = min(values[name] * scale, room)
            parts.append(f"<rect x='{LABELS}' y='{y}' width='{length:.1f}' height='{BAR - 2}' "
                         f"fill='{COLOURS[name]}'/>")
            parts.append(text(LABELS + length + 5, y + BAR - 3, f"{values[name]:.1f}", size=10,
                              colour="#57606a"))
            y += BAR
        y += GAP
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
