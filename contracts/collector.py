"""How a program that serves treats Python's collector of cyclic garbage."""

import gc

_COLLECT_AT = (20_000, 20, 10)
"""New objects, and collections of the younger, at which the collector looks. A page or an order makes thousands of
objects that end with it: at Python's usual 700 the collector took a twelfth of either and found nothing.
"""


def collect_rarely() -> None:
    """To be called once all is loaded: a collection that looks at that too would hold up everybody for a tenth of a
    second."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AT)
