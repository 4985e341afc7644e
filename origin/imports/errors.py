"""The two ways a product CSV can be wrong: the whole file, or one product in it."""


class FileError(ValueError):
    """Nothing of the file can be imported; the text says where and what to do about it."""


class ProductError(ValueError):
    """One product cannot be imported, the rest can."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason
