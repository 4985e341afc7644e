"""What a checkout submission can come to. An answer is kept on its attempt, so that the same key gives it again."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class AnswerKind(StrEnum):
    PLACED = "placed"
    REQUIRES_ACTION = "requires-action"
    PROCESSING = "processing"
    DECLINED = "declined"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    STOCK_GONE = "stock-gone"
    PRICE_CHANGED = "price-changed"
    IN_PROGRESS = "in-progress"
    KEY_REUSED = "key-reused"
    CART_EMPTY = "cart-empty"
    CART_TAKEN = "cart-taken"


_STATUS = {
    AnswerKind.PLACED: 201,
    AnswerKind.REQUIRES_ACTION: 202,
    AnswerKind.PROCESSING: 202,
    AnswerKind.DECLINED: 402,
    AnswerKind.EXPIRED: 402,
    AnswerKind.REFUNDED: 409,
    AnswerKind.STOCK_GONE: 409,
    AnswerKind.PRICE_CHANGED: 409,
    AnswerKind.IN_PROGRESS: 409,
    AnswerKind.KEY_REUSED: 422,
    AnswerKind.CART_EMPTY: 422,
    AnswerKind.CART_TAKEN: 409,
}
_TITLES = {
    AnswerKind.DECLINED: "Payment declined",
    AnswerKind.EXPIRED: "Payment not completed",
    AnswerKind.REFUNDED: "Too late, payment returned",
    AnswerKind.STOCK_GONE: "Not enough stock",
    AnswerKind.PRICE_CHANGED: "Price changed",
    AnswerKind.IN_PROGRESS: "Still in progress",
    AnswerKind.KEY_REUSED: "Idempotency key already used",
    AnswerKind.CART_EMPTY: "Cart is empty",
    AnswerKind.CART_TAKEN: "Cart is already being ordered",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """`more` holds what its kind has to say; `attempt_id` leads back to it while it waits."""

    kind: AnswerKind
    detail: str = ""
    more: dict[str, Any] = field(default_factory=dict)
    attempt_id: int | None = None
    is_replay: bool = False

    @property
    def status(self) -> int:
        return _STATUS[self.kind]

    @property
    def is_problem(self) -> bool:
        return self.status >= 400

    @property
    def title(self) -> str:
        return _TITLES.get(self.kind, "")

    def replayed(self) -> "Answer":
        return replace(self, is_replay=True)

    def encode(self) -> dict[str, Any]:
        return {"kind": str(self.kind), "detail": self.detail, "more": self.more}

    @classmethod
    def decode(cls, record: dict[str, Any], attempt_id: int) -> "Answer":
        return cls(AnswerKind(record["kind"]), record["detail"], record["more"], attempt_id)


def processing(attempt_id: int) -> Answer:
    return Answer(AnswerKind.PROCESSING, "The payment is being confirmed.", attempt_id=attempt_id)


def cart_taken(attempt_id: int | None) -> Answer:
    """`attempt_id`: the submission that has it."""
    detail = "This cart is already being ordered from another page; see there how it stands, or try again in a second."
    return Answer(AnswerKind.CART_TAKEN, detail, attempt_id=attempt_id)


IN_PROGRESS = Answer(AnswerKind.IN_PROGRESS, "This submission is still being worked on; ask again in a second.")
KEY_REUSED = Answer(
    AnswerKind.KEY_REUSED, "This idempotency key was used for another submission; use a new key for a new one."
)
CART_EMPTY = Answer(AnswerKind.CART_EMPTY, "The cart is empty or has expired; put something into it first.")
