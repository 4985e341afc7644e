"""Options of the model test: `pytest tests/model --model-steps 10000000 --model-seed 77` is a night's work."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--model-steps", type=int, default=100_000, help="Events and reads of the model test")
    parser.addoption("--model-seed", type=int, default=1, help="The seed the model test begins with")
