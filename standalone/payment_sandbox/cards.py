"""The test payment methods: which card each is, and what its bank says."""

from dataclasses import dataclass

from standalone.payment_sandbox.errors import no_such


@dataclass(frozen=True, slots=True)
class TestCard:
    """`decline` is a key of DECLINES. `needs_authentication` comes before it. `loses_refunds`: its bank sends back
    what it had accepted, some time after."""

    brand: str = "visa"
    last4: str = "4242"
    funding: str = "credit"
    decline: str = ""
    needs_authentication: bool = False
    loses_refunds: bool = False


# decline -> (code, decline code, message)
DECLINES: dict[str, tuple[str, str, str]] = {
    "generic": ("card_declined", "generic_decline", "Your card was declined."),
    "insufficient": ("card_declined", "insufficient_funds", "Your card has insufficient funds."),
    "lost": ("card_declined", "lost_card", "Your card was declined."),
    "stolen": ("card_declined", "stolen_card", "Your card was declined."),
    "velocity": ("card_declined", "card_velocity_exceeded", "Your card was declined for making repeated attempts."),
    "fraudulent": ("card_declined", "fraudulent", "Your card was declined."),
    "expired": ("expired_card", "expired_card", "Your card has expired."),
    "cvc": ("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."),
    "processing": ("processing_error", "processing_error", "An error occurred while processing your card. Try again."),
}

_CARDS: dict[str, TestCard] = {
    "pm_card_visa": TestCard(),
    "pm_card_visa_debit": TestCard(last4="5556", funding="debit"),
    "pm_card_mastercard": TestCard("mastercard", "4444"),
    "pm_card_mastercard_debit": TestCard("mastercard", "8210", "debit"),
    "pm_card_amex": TestCard("amex", "8431"),
    "pm_card_discover": TestCard("discover", "1117"),
    "pm_card_jcb": TestCard("jcb", "0505"),
    "pm_card_chargeDeclined": TestCard(last4="0002", decline="generic"),
    "pm_card_chargeDeclinedInsufficientFunds": TestCard(last4="9995", decline="insufficient"),
    "pm_card_chargeDeclinedLostCard": TestCard(last4="9987", decline="lost"),
    "pm_card_chargeDeclinedStolenCard": TestCard(last4="9979", decline="stolen"),
    "pm_card_chargeDeclinedVelocityLimitExceeded": TestCard(last4="6975", decline="velocity"),
    "pm_card_chargeDeclinedFraudulent": TestCard(last4="0019", decline="fraudulent"),
    "pm_card_chargeDeclinedExpiredCard": TestCard(last4="0069", decline="expired"),
    "pm_card_chargeDeclinedIncorrectCvc": TestCard(last4="0127", decline="cvc"),
    "pm_card_chargeDeclinedProcessingError": TestCard(last4="0119", decline="processing"),
    "pm_card_authenticationRequired": TestCard(last4="3184", needs_authentication=True),
    "pm_card_threeDSecure2Required": TestCard(last4="3220", needs_authentication=True),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": TestCard(
        last4="3178", decline="insufficient", needs_authentication=True
    ),
    "pm_card_refundFail": TestCard(last4="5126", loses_refunds=True),
}


def find_card(payment_method: str) -> TestCard:
    """Raises ProviderError for a payment method this account does not have."""
    plain = payment_method.replace("pm_card_visa_chargeDeclined", "pm_card_chargeDeclined")
    card = _CARDS.get(plain)
    if card is None:
        raise no_such("PaymentMethod", payment_method, "payment_method", 400)
    return card
