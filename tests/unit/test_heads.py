"""What is remembered of requests' heads is bounded, whatever is sent."""

import tracemalloc

import pytest

from edge_renderer.heads import USUAL_BLOCK_BYTES, Heads

MOST = 200


@pytest.mark.parametrize("filler_bytes", [0, 3900])
def test_made_up_heads_cannot_make_the_memo_outgrow_its_bound(filler_bytes: int) -> None:
    heads = Heads(MOST)
    tracemalloc.start()
    for number in range(10 * MOST):
        lines = b"Host: acorn.example.com\r\nReferer: x\r\nX-%d: %s\r\n\r\n" % (number, b"x" * filler_bytes)
        heads.read(lines, b"GET / HTTP/1.1\r\n" + lines)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < len(heads) <= 2 * MOST
    assert held_bytes < 2 * 2 * MOST * (USUAL_BLOCK_BYTES + 500)  # two memos of two generations
