"""A flash sale as one page that a merchant can read: no script, no other file, light and dark, phone and desk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

from loadtest.charts import Chart, Line, figure
from loadtest.sale_figures import PAGES, Figures, percentile
from loadtest.scenarios.journal import Ending

_STYLE = Path(__file__).with_name("sale_report.css")
_MEANING = {
    Ending.BOUGHT: "got an order",
    Ending.SOLD_OUT: "were told it was gone",
    Ending.DECLINED: "had their card declined",
    Ending.GAVE_UP: "left by themselves",
}


@dataclass(frozen=True, slots=True)
class Sale:
    """`breaks`: what did not hold of the books afterwards, a sentence each."""

    title: str
    buyers: int
    units: int
    seconds: float
    date: datetime
    figures: Figures
    breaks: Sequence[str]

    @property
    def sold(self) -> int:
        return self.figures.samples[-1].sold if self.figures.samples else 0


def page(sale: Sale) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Flash sale: {escape(sale.title)}</title>
<style>{_STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the figures</a>
<header>
<p class="kicker">Flash sale · {sale.date:%-d %B %Y, %H:%M}</p>
<h1>{_headline(sale)}</h1>
<p class="lead">{escape(sale.title)}: {sale.buyers:,} buyers came within {sale.seconds:g} seconds. {_outcome(sale)}</p>
</header>
<main id="main">
{_verdict(sale)}
{_cards(sale)}
{_endings(sale)}
{"".join(_sections(sale))}
</main>
<footer>{_method(sale)}</footer>
</body>
</html>
"""


def _headline(sale: Sale) -> str:
    gone = sale.figures.sold_out_at()
    if gone is not None and sale.sold >= sale.units:
        return f"{sale.units:,} sold out in {_seconds(max(0.0, gone - sale.figures.opens_at))}"
    return f"{sale.sold:,} of {sale.units:,} sold"


def _outcome(sale: Sale) -> str:
    line = sale.figures.waited_in_line
    waited = f"{line:,} of them waited in line." if line else "Nobody had to wait in line."
    return f"{sale.sold:,} of {sale.units:,} units were sold. {waited}"


def _verdict(sale: Sale) -> str:
    if sale.breaks:
        items = "".join(f"<li>{escape(it)}</li>" for it in sale.breaks[:20])
        more = f"<p>And {len(sale.breaks) - 20} more.</p>" if len(sale.breaks) > 20 else ""
        return f'<section class="verdict bad"><h2>The books do not balance</h2><ul>{items}</ul>{more}</section>'
    return """<section class="verdict good">
<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M5 12.5l4.5 4.5L19 7.5"/></svg>
<div><h2>The books balance</h2>
<p>Nothing was oversold, nobody was charged twice, no order was lost: stock, orders, payments and the payment provider's
own records were held against each other afterwards.</p></div></section>"""


def _cards(sale: Sale) -> str:
    figures = sale.figures
    placed = [event.ms for event in figures.of("sale", "checkout", status=201)]
    pages = [event.ms for event in figures.of("sale", *PAGES)]
    before = percentile(figures.of_others(lambda at: at < figures.opens_at), 0.99)
    during = percentile(figures.of_others(lambda at: at >= figures.opens_at), 0.99)
    peak = max((y for _, y in figures.orders()), default=0)
    shown = [
        ("Orders a second, at best", f"{peak:,.0f}", "taken and paid"),
        ("Order placed within", _ms(percentile(placed, 0.95)), "for 95 of 100 orders, from the press of the button"),
        ("Page shown within", _ms(percentile(pages, 0.99)), "for 99 of 100 pages of the sale"),
        ("Other shops", _ms(during), f"99 of 100 answers within; {_ms(before)} before the rush"),
    ]
    items = "".join(f"<div><dt>{name}</dt><dd>{value}<small>{text}</small></dd></div>" for name, value, text in shown)
    return f'<section aria-label="Key figures"><dl class="cards">{items}</dl></section>'


def _endings(sale: Sale) -> str:
    counts = sale.figures.endings
    total = max(1, sum(counts.values()))
    bars, keys, so_far = "", "", 0.0
    for number, ending in enumerate(Ending, start=1):
        share = counts[ending] / total
        bars += f'<rect class="c{number}" x="{so_far * 1000:.1f}" width="{share * 1000:.1f}" height="40"/>'
        so_far += share
        keys += (
            f'<li><span class="key c{number}"></span><strong>{counts[ending]:,}</strong> {_MEANING[ending]} '
            f"<small>{share:.1%}</small></li>"
        )
    return f"""<section><h2>How it ended for the buyers</h2>
<svg class="bar" viewBox="0 0 1000 40" preserveAspectRatio="none" aria-hidden="true">{bars}</svg>
<ul class="endings">{keys}</ul></section>"""


def _sections(sale: Sale) -> list[str]:
    figures = sale.figures
    books, placed = figures.books(), figures.of("sale", "checkout", status=201)
    pages, others = figures.of("sale", *PAGES), figures.of("other")
    stock = [
        Line("sold", [(at, it.sold) for at, it in books], 1, is_area=True),
        Line("being paid", [(at, it.reserved) for at, it in books], 2),
        Line("left", [(at, it.available) for at, it in books], 3, is_dashed=True),
    ]
    came = [
        Line("buyers who came", figures.arrivals(), 1, is_area=True),
        Line("pages shown", figures.pages(), 3),
        Line("checkouts sent", figures.checkouts(), 2, is_dashed=True),
        Line("orders placed", figures.orders(), 4),
    ]
    waits = [
        Line("half of the orders", figures.over_time(placed, 0.5), 1),
        Line("95 of 100", figures.over_time(placed, 0.95), 2, is_dashed=True),
        Line("99 of 100", figures.over_time(placed, 0.99), 4),
    ]
    shown = [
        Line("half of the pages", figures.over_time(pages, 0.5), 1),
        Line("99 of 100", figures.over_time(pages, 0.99), 4, is_dashed=True),
    ]
    next_door = [
        Line("99 of 100 answers", figures.over_time(others, 0.99), 3),
        Line("half", figures.over_time(others, 0.5), 1),
    ]
    told = (
        ("Stock against sold", "What was there is always sold, being paid for, or left.", stock, "units"),
        ("Who came, and what they did", "Arrivals follow a schedule: a slow shop gets as many.", came, "a second"),
        ("How long an order took", "From the press of the button that succeeded to the confirmed order.", waits, "ms"),
        ("How long a page took", "Home and product page of the sale.", shown, "ms"),
        ("The shops next door", "Eight other shops, whose visitors have nothing to do with it.", next_door, "ms"),
    )
    return [_section(sale, *it) for it in told]


def _section(sale: Sale, title: str, text: str, lines: Sequence[Line], unit: str) -> str:
    marks = [(sale.figures.opens_at, "the rush begins")]
    gone = sale.figures.sold_out_at()
    if gone is not None:
        marks.append((gone, "sold out"))
    words = f"{title}. " + " ".join(
        f"{line.name}: at most {max((y for _, y in line.points), default=0):,.0f} {unit}." for line in lines
    )
    keys = "".join(
        f'<li><span class="key c{line.colour}{" dashed" if line.is_dashed else ""}"></span>{line.name}</li>'
        for line in lines
    )
    chart = figure(Chart(lines, unit, words, sale.figures.seconds, marks))
    return f"""<section><h2>{title}</h2><p>{text}</p><ul class="legend">{keys}</ul>
<figure>{chart}</figure>{_table(lines, unit)}</section>"""


def _table(lines: Sequence[Line], unit: str) -> str:
    """The same numbers for those who would rather read them; every fifth moment of a long sale."""
    moments = sorted({round(x) for line in lines for x, _ in line.points})
    moments = moments[:: max(1, len(moments) // 20)]
    heads = "".join(f'<th scope="col">{line.name}</th>' for line in lines)
    rows = ""
    for moment in moments:
        cells = "".join(f"<td>{_at(line, moment)}</td>" for line in lines)
        rows += f'<tr><th scope="row">{moment} s</th>{cells}</tr>'
    return f"""<details><summary>As a table ({unit})</summary><div class="scrolls" tabindex="0"><table>
<thead><tr><th scope="col">after</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div></details>"""


def _at(line: Line, moment: float) -> str:
    value = next((y for x, y in reversed(line.points) if x <= moment + 0.5), None)
    return "–" if value is None else f"{value:,.0f}"


def _method(sale: Sale) -> str:
    habits = ", ".join(f"{name} {count:,}" for name, count in sale.figures.habits.most_common())
    errors = sum(event.status >= 500 or event.status == 0 for event in sale.figures.asked)
    return f"""<h2>How this was measured</h2>
<p>Buyers arrive by a schedule drawn beforehand; every time runs from the moment a request was meant to start. The
generator, on the same machine, was up to {_ms(sale.figures.late_p99_ms)} late (99 of 100). Of
{len(sale.figures.asked):,} requests {errors:,} failed (no answer, or a server's error). How the buyers behaved:
{escape(habits)}.</p>"""


def _ms(value: float) -> str:
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"


def _seconds(value: float) -> str:
    return f"{value:.0f} seconds" if value < 120 else f"{value / 60:.1f} minutes"
