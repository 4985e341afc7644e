"""Macros whose text is kept, so that the same is not printed again: a shop's header, a product's card.

A kept macro sees its arguments, settings and the shop's currency and language, and nothing else; a theme that says
otherwise does not load. So one digest of all that, with those settings that it names, names its text, on whichever page
and of whichever shop it is, and nothing ever has to be taken back: what changes has another name.
"""

import hashlib
import marshal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import Environment, TemplateError, meta, nodes
from markupsafe import Markup

from edge_renderer.errors import ThemeError
from edge_renderer.fragments import Fragments
from edge_renderer.macros import call_macro
from edge_renderer.theme_syntax import every_node, names_given

_DIGEST_BYTES = 20
_SEEN_BY_ALL = frozenset({"settings", "range"})
_CALLERS = frozenset({"caller", "varargs", "kwargs"})
Facts = Any
"""A hash of what a kept macro sees besides its arguments."""
SettingsSeen = tuple[str, ...] | None
"""The names of the settings that a macro sees; None: they could be any."""


def facts_of(*seen: Any) -> Facts:
    """Of plain values only. Raises ValueError for others."""
    return hashlib.blake2b(marshal.dumps(seen), digest_size=_DIGEST_BYTES)


def more_facts(facts: Facts, settings: Mapping[str, Any], seen: SettingsSeen) -> Facts:
    more = facts.copy()
    names = settings if seen is None else seen
    more.update(marshal.dumps([settings.get(name) for name in names]))
    return more


class KeptMacro:
    """Stands before a macro for one render. What cannot be named, such as an undefined argument, is always printed."""

    __slots__ = ("_facts", "_fragments", "_name", "printer")

    def __init__(self, macro: Any, name: str, facts: Facts, fragments: Fragments) -> None:
        self.printer: Callable[..., Markup] = macro
        self._name = name
        self._facts = facts
        self._fragments = fragments

    def __call__(self, eval_context: Any, *args: Any, **kwargs: Any) -> Markup:
        try:
            # In the format with references, or a list of lists of the same lists would be endless.
            asked = marshal.dumps((self._name, args, kwargs))
        except ValueError:
            return call_macro(self.printer, eval_context, args, kwargs)
        named = self._facts.copy()
        named.update(asked)
        digest = named.digest()
        text = self._fragments.get(digest)
        if text is None:
            text = call_macro(self.printer, eval_context, args, kwargs)
            self._fragments.put(digest, text)
        return text


def check_kept(environment: Environment, sources: Mapping[str, str], kept: Iterable[str]) -> dict[str, SettingsSeen]:
    """By kept macro ("file:name"), the settings that it sees. Raises ThemeError for one that is not there, or that sees
    more than the facts."""
    files = _Files(environment, sources)
    return {name: _check(files, name) for name in sorted(kept)}


class _Files:
    """A theme's files, each parsed and each of their macros looked at when first asked for, and once."""

    def __init__(self, environment: Environment, sources: Mapping[str, str]) -> None:
        self._environment = environment
        self._sources = sources
        self._given: dict[str, dict[str, list[nodes.Macro | str | None]]] = {}
        self._looked_at: dict[str, tuple[set[str] | None, set[str]]] = {}

    def given(self, file: str) -> dict[str, list[nodes.Macro | str | None]]:
        if file not in self._given:
            is_there = file in self._sources
            self._given[file] = names_given(self._environment.parse(self._sources[file])) if is_there else {}
        return self._given[file]

    def look_at(self, name: str, macro: nodes.Macro) -> tuple[set[str] | None, set[str]]:
        """The settings and the other names that it sees."""
        if name not in self._looked_at:
            self._looked_at[name] = _settings_seen(macro), _seen(self._environment, macro) - _SEEN_BY_ALL
        return self._looked_at[name]


def _check(files: _Files, kept: str) -> SettingsSeen:
    checked: dict[str, set[str] | None] = {}
    _check_macro(files, kept, kept, checked)
    seen: set[str] = set()
    for settings in checked.values():
        if settings is None:
            return None
        seen |= settings
    return tuple(sorted(seen))


def _check_macro(files: _Files, kept: str, name: str, checked: dict[str, set[str] | None]) -> None:
    if name in checked:
        return
    file, _, macro_name = name.partition(":")
    given = files.given(file)
    macro = _only(given, file, macro_name)
    if not isinstance(macro, nodes.Macro):
        raise ThemeError(f"{file} has no macro {macro_name} to keep")
    checked[name], words = files.look_at(name, macro)
    for word in sorted(_SEEN_BY_ALL & given.keys()):
        raise ThemeError(f"{file}: {kept} cannot be kept, for its file calls something else {word}")
    for word in sorted(words):
        called = _only(given, file, word)
        if called is None:
            raise ThemeError(f"{file}: {kept} cannot be kept, for {macro_name} sees {word}; make that an argument")
        _check_macro(files, kept, f"{file}:{word}" if isinstance(called, nodes.Macro) else called, checked)


def _settings_seen(macro: nodes.Macro) -> set[str] | None:
    """None: it does something else with the settings than to name one."""
    every = every_node(macro)
    named = [node.attr for node in every if isinstance(node, nodes.Getattr) and _is_settings(node.node)]
    mentioned = sum(_is_settings(node) for node in every)
    return set(named) if len(named) == mentioned else None


def _is_settings(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "settings"


def _only(given: Mapping[str, list[nodes.Macro | str | None]], file: str, word: str) -> nodes.Macro | str | None:
    """The macro that a name always stands for; None if there is no such macro."""
    found = given.get(word, [])
    if len(found) > 1 and any(found):
        raise ThemeError(f"{file}: {word} cannot be kept or called by what is kept, for it is {len(found)} things")
    return found[0] if found else None


def _seen(environment: Environment, macro: nodes.Macro) -> set[str]:
    """The names it looks up outside itself, by Jinja's own reckoning."""
    try:
        alone = nodes.Template([macro], lineno=1)
        alone.set_environment(environment)
        seen = meta.find_undeclared_variables(alone)
    except TemplateError as error:
        raise ThemeError(f"{macro.name}: {error}") from error
    others = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Block)
    every = every_node(macro)
    names = {node.name for node in every if isinstance(node, nodes.Name)}
    return seen | (names & _CALLERS) | {type(node).__name__.lower() for node in every if isinstance(node, others)}
