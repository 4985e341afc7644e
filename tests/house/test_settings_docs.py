"""docs/settings.md lists every setting of every program, with its default, as the code has them."""

from standalone.settings_docs import DOCUMENT, rewritten, settings_classes


def test_every_settings_class_has_its_table() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    missing = [name for name in settings_classes() if f"<!-- settings: {name} -->\n" not in document]
    assert not missing, "add a heading and a `<!-- settings: ... -->` line to docs/settings.md for each"


def test_every_table_says_what_the_code_says() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert rewritten(document) == document, "run `python -m standalone.settings_docs` and read what changed"


def test_every_setting_says_what_it_is_for_and_is_read_with_the_prefix() -> None:
    silent = []
    for name, cls in settings_classes().items():
        assert cls.model_config.get("env_prefix") == "STOA_", name
        assert cls.model_config.get("frozen") is True, name
        silent += [f"{name}.{field}" for field, info in cls.model_fields.items() if not info.description]
    assert not silent, "give each a Field(description=...)"


def test_each_program_has_settings_of_its_own() -> None:
    assert {name.partition(".")[0] for name in settings_classes()} >= {
        "invalidation",
        "edge_renderer",
        "origin",
        "standalone",
    }
