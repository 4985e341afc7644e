"""What can go wrong between the outbox and the edges, in its own words."""


class InvalidationError(Exception):
    """Every failure this package knows by name."""


class BusUnavailable(InvalidationError):
    """The state server did not answer in time, or not with sense. Rows stay in the outbox; leases lapse."""


class OutboxUnavailable(InvalidationError):
    """PostgreSQL cannot be reached now, or the connection that held the relay's lock is gone."""


class MisconfiguredError(InvalidationError):
    """The program must not start like this; the text says what to change."""


class UnreadableMessage(InvalidationError):
    """A message on the bus that this version cannot read: the follower must not go past it."""
