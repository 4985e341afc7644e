"""A theme's file whose macros others import. It is run once a render, however many files import it, and only when
something of it is used that is not kept as text: of most pages' files nothing is.

It sees the page's data and the render's budget, but not the names that an importing file has set. Jinja itself would
either keep one module for all shops or make one for every import.
"""

from collections.abc import Callable
from typing import Any

from jinja2 import Template
from jinja2.environment import TemplateModule
from markupsafe import Markup

from edge_renderer.kept_macros import KeptMacro
from edge_renderer.macros import call_macro


class LateMacro:
    """A macro whose file is run when it is called."""

    __slots__ = ("_file", "_name")

    def __init__(self, file: "ImportedFile", name: str) -> None:
        self._file = file
        self._name = name

    def __call__(self, eval_context: Any, *args: Any, **kwargs: Any) -> Markup:
        return call_macro(self._file._macro(self._name), eval_context, args, kwargs)


Keep = Callable[[str, LateMacro], LateMacro | KeptMacro]


class ImportedFile(TemplateModule):
    """`own_macros`: the names that stand for a macro of this file and nothing else. `keep` is told each of them that is
    used, and says what stands for it."""

    def __init__(self, template: Template, data: dict[str, Any], own_macros: frozenset[str], keep: Keep) -> None:
        self.__name__ = template.name
        self._template = template
        self._data = data
        self._own_macros = own_macros
        self._keep = keep

    def __getattr__(self, name: str) -> Any:
        """Asked only for what is not there yet."""
        if name in self._own_macros:
            found = self.__dict__[name] = self._keep(name, LateMacro(self, name))
            return found
        if "_body_stream" in self.__dict__:
            raise AttributeError(name)
        self._run()
        return getattr(self, name)

    def end(self) -> None:
        """With its render. Macros hold the names that they see, themselves among them."""
        if "_context" in self.__dict__:
            self._context.vars.clear()
        self.__dict__.clear()

    def _run(self) -> None:
        self._context = self._template.new_context(self._data, shared=True)
        TemplateModule.__init__(self, self._template, self._context)

    def _macro(self, name: str) -> Callable[..., Markup]:
        if "_body_stream" not in self.__dict__:
            self._run()
        macro = self.__dict__[name]
        return macro.printer if isinstance(macro, KeptMacro) else macro
