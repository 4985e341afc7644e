"""A small flash sale as an operator runs it: one command, its figures, its page, and no shop left behind."""

import json


def test_a_small_sale_sells_all_there_is_and_leaves_no_trace(platform, tmp_path):
    before = platform.stoa("store", "list", "--json").stdout
    wanted = {"buyers": 40, "units": 8, "seconds": 6, "patience": 40, "report": tmp_path / "sale.html"}
    done = platform.stoa("bench", "flash-sale", "--json", *(f"--set={name}={value}" for name, value in wanted.items()))
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["sold"], figures["breaks"], figures["server_errors"]) == (8, [], 0)
    assert sum(figures["endings"].values()) == 40
    assert figures["endings"]["bought"] == 8
    assert "The books balance" in (tmp_path / "sale.html").read_text()
    assert platform.stoa("store", "list", "--json").stdout == before
