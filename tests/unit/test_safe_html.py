"""Merchants' HTML: what is kept, what is not, and that no text can keep the origin busy."""

import time

import pytest

from origin.snapshots.html import plain_text, safe_html


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, ""),
        ("<p>Fine <b>mug</b></p>", "<p>Fine <b>mug</b></p>"),
        ("<h1>Title</h1>", "<h2>Title</h2>"),
        ("<script>x()</script><p onclick=x()>a</p>", "<p>a</p>"),
        ('<a href="javascript:x()">a</a>', '<a rel="noopener nofollow">a</a>'),
        ('<img src="/a.png" onerror="x()">', '<img src="/a.png">'),
        ("<iframe src=//x></iframe><style>*{}</style>ok", "ok"),
        ("<p>one<p>two<p>three", "<p>one</p><p>two</p><p>three</p>"),
    ],
)
def test_known_tags_are_kept_and_nothing_that_acts(text, shown):
    assert safe_html(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "<div>" * 40_000 + "deep & down",
        "<p>" + "".join(f"<b id={n}>" for n in range(1000)) + "<p>deep & down" * 1000,
        "<blockquote><i>" * 5000 + "deep & down",
    ],
)
def test_what_nests_beyond_reason_is_shown_as_its_words_at_once(text):
    started = time.thread_time()
    shown = safe_html(text)
    assert time.thread_time() - started < 1
    assert shown.startswith("<p>deep &amp; down")
    assert len(shown) < len(text)


def test_sloppy_html_is_not_taken_for_an_attack():
    sloppy = "<p>one <b>two<p>three<br>" * 300 + "<ul>" + "<li>item" * 500 + "</ul>"
    assert safe_html(sloppy).count("<li>") == 500


def test_plain_text_ends_at_a_word():
    assert plain_text("<p>One two</p><p>three &amp; four</p>", 12) == "One two…"
