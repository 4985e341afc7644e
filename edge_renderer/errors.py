"""What can go wrong on the edge, in its own words. Foreign exceptions are translated into these once, at the door."""

from enum import StrEnum


class Refusal(StrEnum):
    """Why a request was refused, as the metrics name it."""

    FILL_BUDGET = "fill_budget"
    """The shop asks for more pages that are not held than its token bucket has."""
    PASS_BUDGET = "pass_budget"  # noqa: S105  no password
    """The same of carts and checkouts."""
    SHOP_TURNS = "shop_turns"
    """The shop's own work under way is all it may have at once."""
    ALL_TURNS = "all_turns"
    """The worker's work under way is all it does at once."""
    LATE = "late"
    """The event loop is late, and this shop is the most of what keeps it."""


class EdgeError(Exception):
    """Every failure the edge knows how to answer."""


class CacheError(EdgeError):
    """The cache or state server did not answer in time or answered nonsense: a counted miss, never a 500."""


class OriginUnavailable(EdgeError):
    """The origin did not answer, or not with sense: serve what there is and say so, else 503."""


class Overloaded(EdgeError):
    """This worker has more to do than it can. The shopper may try again in `retry_after_seconds`."""

    def __init__(self, text: str, refusal: Refusal = Refusal.ALL_TURNS, retry_after_seconds: int = 1) -> None:
        super().__init__(text)
        self.refusal = refusal
        self.retry_after_seconds = retry_after_seconds


class OverShare(Overloaded):
    """The shop's own work is more than its share, whatever else there is to do."""


class PageFailed(EdgeError):
    """The page's data came but no page could be made of it: 503, logged, never stored."""


class BadRequest(EdgeError):
    """A request that no browser sends; `status` is 400 unless a better one is known."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class ThemeError(EdgeError):
    """A theme cannot be loaded; the text names the file and says what to change."""


class RenderError(EdgeError):
    """A theme could not make the page; the text says where and why."""


class RenderLimitError(RenderError):
    """A theme used more than its share of time, steps or bytes."""
