"""Calling a theme's macro as Jinja does, without its questions where there is nothing to ask: of a small macro's cost,
sorting its arguments is a large part."""

from typing import Any

from jinja2.runtime import Macro
from jinja2.utils import missing
from markupsafe import Markup


def call_macro(macro: Any, eval_context: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Markup:
    """`macro`: Jinja's, or what stands for one. An argument that is not given is `missing` to the macro's function,
    which knows its default."""
    if type(macro) is Macro and not kwargs and not (macro.caller or macro.catch_varargs or macro.catch_kwargs):
        not_given = macro._argument_count - len(args)
        if not_given == 0:
            return Markup(macro._func(*args))  # noqa: S704 - what a macro prints is escaped
        if not_given > 0:
            return Markup(macro._func(*args, *(missing,) * not_given))  # noqa: S704
    result: Markup = macro(eval_context, *args, **kwargs)
    return result
