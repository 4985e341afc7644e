"""Macros whose text is kept, so that the same is not printed again: a shop's header, a product's card.

A kept macro sees its arguments, the settings and the shop's currency and language, and nothing else; a theme that says
otherwise does not load. So one digest of all that names its text, on whichever page and of whichever shop it is, and
nothing ever has to be taken back: what changes has another name.
"""

import hashlib
import marshal
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, TemplateError, meta, nodes
from jinja2.runtime import Macro
from markupsafe import Markup

from edge_renderer.errors import ThemeError
from edge_renderer.fragments import Fragments

_DIGEST_BYTES = 20
_SEEN_BY_ALL = frozenset({"settings", "range"})
_CALLERS = frozenset({"caller", "varargs", "kwargs"})
Facts = Any
"""A hash of what every kept macro of a render sees."""


def facts_of(*seen: Any) -> Facts:
    """Of plain values only. Raises ValueError for others."""
    return hashlib.blake2b(marshal.dumps(seen), digest_size=_DIGEST_BYTES)


class KeptMacro:
    """Stands before a macro for one render. What cannot be named, such as an undefined argument, is always printed."""

    __slots__ = ("_facts", "_fragments", "_name", "_print")

    def __init__(self, macro: Macro, name: str, facts: Facts, fragments: Fragments) -> None:
        self._print: Callable[..., Markup] = macro  # type: ignore[assignment]
        self._name = name
        self._facts = facts
        self._fragments = fragments

    def __call__(self, eval_context: Any, *args: Any, **kwargs: Any) -> Markup:
        try:
            asked = marshal.dumps((self._name, args, kwargs))
        except ValueError:
            return self._print(eval_context, *args, **kwargs)
        named = self._facts.copy()
        named.update(asked)
        digest = named.digest()
        text = self._fragments.get(digest)
        if text is None:
            text = self._print(eval_context, *args, **kwargs)
            self._fragments.put(digest, text)
        return text


def check_kept(environment: Environment, sources: Mapping[str, str], kept: frozenset[str]) -> None:
    """Raises ThemeError for a kept macro ("file:name") that is not there, or that sees more than the facts."""
    files = {file: environment.parse(text) for file, text in sources.items()} if kept else {}
    checked: set[str] = set()
    for name in sorted(kept):
        _check_macro(environment, files, name, name, checked)


def _check_macro(
    environment: Environment, files: Mapping[str, nodes.Template], kept: str, name: str, checked: set[str]
) -> None:
    if name in checked:
        return
    checked.add(name)
    file, _, macro_name = name.partition(":")
    bound = _bound(files[file]) if file in files else {}
    macro = _only(bound, file, macro_name)
    if not isinstance(macro, nodes.Macro):
        raise ThemeError(f"{file} has no macro {macro_name} to keep")
    for word in sorted(_SEEN_BY_ALL & bound.keys()):
        raise ThemeError(f"{file}: {kept} cannot be kept, for its file calls something else {word}")
    for word in sorted(_seen(environment, macro) - _SEEN_BY_ALL):
        called = _only(bound, file, word)
        if called is None:
            raise ThemeError(f"{file}: {kept} cannot be kept, for {macro_name} sees {word}; make that an argument")
        _check_macro(environment, files, kept, f"{file}:{word}" if isinstance(called, nodes.Macro) else called, checked)


def _bound(template: nodes.Template) -> dict[str, list[nodes.Macro | str | None]]:
    """What each name of a file is given to, wherever in it: a macro, an imported one as "file:name", or None for
    anything else. A name that a macro has for itself alone counts too: better one theme too many is refused."""
    bound: dict[str, list[nodes.Macro | str | None]] = {}
    for macro in template.find_all(nodes.Macro):
        bound.setdefault(macro.name, []).append(macro)
    for node in template.find_all(nodes.FromImport):
        for word in node.names:
            name, alias = (word, word) if isinstance(word, str) else word
            bound.setdefault(alias, []).append(f"{node.template.as_const()}:{name}")
    others = [node.target for node in template.find_all(nodes.Import)]
    others += [node.name for node in template.find_all(nodes.Name) if node.ctx != "load"]
    for word in others:
        bound.setdefault(word, []).append(None)
    return bound


def _only(bound: Mapping[str, list[nodes.Macro | str | None]], file: str, word: str) -> nodes.Macro | str | None:
    """The macro that a name always stands for; None if there is no such macro."""
    found = bound.get(word, [])
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
    names = {node.name for node in macro.find_all(nodes.Name)}
    return seen | (names & _CALLERS) | {type(node).__name__.lower() for node in macro.find_all(others)}
