"""The crowd of a flash sale, what its journal says, and the page that is made of it."""

import io
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from loadtest.charts import Chart, Line, figure
from loadtest.sale_figures import Figures, Sample
from loadtest.sale_report import Sale, page
from loadtest.scenarios.arrivals import RUSH_TIMES, Crowd
from loadtest.scenarios.journal import Asked, Ended, Ending, Journal, Opened, read_journal


def test_a_crowd_is_whole_and_comes_a_hundred_times_as_fast_within_seconds():
    crowd = Crowd(10_000, 60)
    arrivals = crowd.arrivals(1)
    assert len(arrivals) == 10_000
    assert arrivals == sorted(arrivals)
    assert arrivals[0] >= 0
    assert arrivals[-1] <= 60
    assert arrivals == crowd.arrivals(1) != crowd.arrivals(2)
    before = sum(at < crowd.opens_at for at in arrivals) / crowd.opens_at
    full = crowd.opens_at + crowd.ramp_seconds
    during = sum(full <= at < full + 10 for at in arrivals) / 10
    assert before * RUSH_TIMES == pytest.approx(during, rel=0.5)


def figures(available=0):
    made = Figures(opens_at=2.0)
    made.add([Opened(100.0)])
    made.add(Ended(100.0 + at, 3.0, ending, "plain", 1.0, at > 2) for at, ending in enumerate(Ending))
    made.add(Asked(100.0 + at, "sale", "checkout", 50.0 * at, 201) for at in range(6))
    made.add(Asked(100.0 + at, "sale", "product page", 5.0, 200) for at in range(6))
    made.add(Asked(100.0 + at, "other", "page", 10.0 if at < 2 else 20.0, 200) for at in range(6))
    made.samples += [Sample(99.0, 3, 0, 0), Sample(100.0, 3, 0, 0), Sample(102.5, 1, 1, 1)]
    made.samples += [Sample(103.0, 0, 2, 1), Sample(104.0, 1, 0, 2), Sample(105.0, available, 0, 3)]
    return made


def test_figures_are_of_the_time_since_the_first_could_come():
    found = figures()
    assert found.endings == {"bought": 1, "sold out": 1, "declined": 1, "gave up": 1}
    assert found.waited_in_line == 1
    assert found.arrivals() == [(0.0, 1.0), (2.0, 1.0), (4.0, 0.0)]
    assert found.orders() == [(0.0, 0.0), (2.0, 0.5), (4.0, 1.0)]
    assert found.over_time(found.of("sale", "checkout"), 0.99) == [(0.0, 50.0), (2.0, 150.0), (4.0, 250.0)]
    assert found.of_others(lambda at: at < found.opens_at) == [10.0, 10.0]


def test_sold_out_is_when_the_last_one_went_for_good():
    assert figures().sold_out_at() == 5.0, "in between one came back"
    assert figures(available=1).sold_out_at() is None


def test_a_journal_is_read_as_it_was_written_but_for_a_line_that_is_not_whole(tmp_path):
    events = [Opened(1.0), Asked(2.0, "sale", "home", 3.5, 200), Ended(2.0, 9.0, "bought", "plain", 0.1, False)]
    written = io.StringIO()
    for event in events:
        Journal(written).write(event)
    path = tmp_path / "journal"
    path.write_text(written.getvalue() + '{"event": "as')
    assert list(read_journal(path)) == events


class Reader(HTMLParser):
    """Which elements are open, and what is loaded from elsewhere."""

    VOID = ("meta", "path", "rect", "br")

    def __init__(self):
        super().__init__()
        self.open, self.headings, self.sources = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("h1", "h2"):
            self.headings.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href") and not value.startswith("#")]

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("breaks", [(), ("an attempt is paid for once: attempt 7: <2> payments",)])
def test_the_report_stands_alone_and_says_how_the_books_are(breaks):
    sale = Sale("Cup & <Saucer>", 4, 3, 6.0, datetime(2026, 3, 1, 9, 30, tzinfo=UTC), figures(), breaks)
    html = page(sale)
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    assert reader.sources == []
    assert reader.headings.count("h1") == 1
    assert "<script" not in html
    assert "Cup &amp; &lt;Saucer&gt;" in html
    assert "3 sold out in 3 seconds" in html
    assert ("The books balance" in html) == (not breaks)
    assert ("attempt 7: &lt;2&gt; payments" in html) == bool(breaks)
    assert len(re.findall(r'<svg class="wide"[^>]* role="img" aria-label="[^"]+"', html)) == 5


@pytest.mark.parametrize(("seconds", "anchor"), [(80.0, "end"), (200.0, "start")])
def test_what_is_said_of_two_moments_does_not_meet(seconds, anchor):
    marks = [(50.0, "the rush begins"), (seconds, "sold out")]
    drawn = figure(Chart([Line("left", [(0.0, 5.0), (300.0, 0.0)], 1)], "units", "", 300.0, marks))
    anchors = re.findall(r'text-anchor="(\w+)">the rush begins', drawn)
    assert anchors[0] == anchor
