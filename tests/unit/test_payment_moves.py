"""What is asked of a payment provider that is no longer configured may have been done before it went."""

from origin.payment_moves import PaymentMoves
from origin.payments import Unknown


async def test_without_a_provider_nobody_can_say_what_became_of_a_move():
    moves = PaymentMoves(None)
    for answer in (
        await moves.capture("pi_1", 100, "EUR", "key"),
        await moves.void("pi_1", "key"),
        await moves.give_back("pi_1", 100, "EUR", "key"),
        await moves.find_refund("pi_1", "key"),
    ):
        assert isinstance(answer, Unknown)
