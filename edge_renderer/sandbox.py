"""Where theme code runs: a Jinja environment that sees plain data only and stops at its limits.

The sandbox of Jinja is one layer. Ours are in front of it: an allow-list over the syntax tree when a theme is loaded,
attribute access that reaches dict items and nothing else of Python, and a budget of steps, bytes and time that
the compiled templates themselves draw on. Which parts a template looked at is recorded here too.
"""

import operator
import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from jinja2 import BaseLoader, Template, nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame, MacroRef
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, ChainableUndefined, Context, LoopContext, Macro, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from markupsafe import Markup, escape

from edge_renderer.errors import RenderLimitError
from edge_renderer.fragments import Fragments
from edge_renderer.imported_files import ImportedFile, LateMacro
from edge_renderer.kept_macros import Facts, KeptMacro, SettingsSeen, more_facts
from edge_renderer.macros import call_macro
from edge_renderer.render_limits import Grace, RenderLimits
from edge_renderer.theme_syntax import STEP, charge_everywhere, check_syntax, own_macros

STATE = "_state"
_LARGE = 2**64
_WHOLE_NUMBERS: Mapping[str, Callable[[int, int], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_needs_escaping = re.compile("[&<>\"']").search
_STEPS_A_LOOK = 32  # steps between two looks at the clock: processor time costs a system call

_LOOP_NAMES = "index index0 revindex revindex0 first last length previtem nextitem cycle"
_TESTS = (
    "defined undefined none true false odd even divisibleby in string number mapping eq ne lt le gt ge == != < <= > >="
)
_LOOP_WORDS, _TEST_WORDS = (frozenset(words.split()) for words in (_LOOP_NAMES, _TESTS))


class RenderState:
    """One render's budget, its facts (currency, locale, theme) and the tags of the parts it looked at."""

    __slots__ = (
        "_clock",
        "_deadline",
        "_grace",
        "_soonest",
        "bytes_left",
        "currency",
        "data",
        "facts",
        "facts_of_macros",
        "files",
        "limits",
        "locale",
        "part_tags",
        "settings",
        "steps_left",
        "tags",
        "texts",
        "theme",
    )

    def __init__(
        self,
        limits: RenderLimits,
        clock: Callable[[], float],
        grace: Grace,
        *,
        theme: Any,
        currency: str,
        locale: str,
        part_tags: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.limits = limits
        self.theme = theme
        self.texts: Mapping[str, Any] = theme.texts(locale)
        self.currency = currency
        self.locale = locale
        self.part_tags = part_tags
        self.tags: set[str] = set()
        self.data: dict[str, Any] = {}
        """What the page's template was given: imported files see that too."""
        self.facts: Facts | None = None
        """What every kept macro sees; without, none is kept."""
        self.facts_of_macros: dict[str, Facts] = {}
        """What each of them sees, by "file:name"."""
        self.settings: Mapping[str, Any] = {}
        """The shop's own, and the theme's defaults where it has none."""
        self.files: dict[str, ImportedFile] = {}
        self._clock = clock
        self._grace = grace
        self._start_clock()
        self.steps_left = limits.steps
        self.bytes_left = limits.output_bytes

    def end(self) -> None:
        """Lets go of what holds this in turn: such circles, a hundred objects a page, would wait for the collector."""
        for file in self.files.values():
            file.end()
        self.files.clear()
        self.data = {}

    def look(self) -> None:
        """At what is left. Raises RenderLimitError."""
        if self.steps_left < 0:
            raise RenderLimitError(f"the theme took more than {self.limits.steps} steps")
        if self.bytes_left < 0:
            raise RenderLimitError(f"the page is over {self.limits.output_bytes} bytes")
        # Nobody works for longer than the time that passes, which is a tenth as dear to ask for.
        if time.perf_counter() > self._soonest and self._clock() > self._deadline:
            if not self._grace.take():
                raise RenderLimitError(f"the theme took longer than {self.limits.seconds} s")
            self._start_clock()

    def _start_clock(self) -> None:
        self._deadline = self._clock() + self.limits.seconds
        self._soonest = time.perf_counter() + self.limits.seconds

    def charge_output(self, byte_count: int) -> None:
        self.bytes_left -= byte_count
        if self.bytes_left < 0:
            self.look()

    def check_length(self, length: int) -> None:
        if length > self.limits.text_length:
            raise RenderLimitError(f"a text is over {self.limits.text_length} characters")


class RecordingContext(Context):
    """Notes the tags of every part a template looks up. Includes and imports get contexts of the same class."""

    def __init__(self, environment: Any, parent: Any, name: Any, blocks: Any, globals: Any = None) -> None:
        super().__init__(
            environment, parent, name, blocks
        )  # of the globals Jinja only keeps the names, for its imports

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return self.vars[key]
        if key not in self.parent:
            return missing
        state: RenderState = self.parent[STATE]
        tags = state.part_tags.get(key)
        if tags:
            state.tags.update(tags)
        return self.parent[key]


def state_of(context: Context) -> RenderState:
    state: RenderState = context.parent[STATE]
    return state


def text_of(value: Any) -> str:
    """What a theme prints of a value: of null and of whole lists nothing. Written out, a list of lists of lists could
    be larger than any limit before anybody had counted it."""
    if isinstance(value, str):
        return value
    return "" if value is None or isinstance(value, (list, tuple, dict)) else str(value)


@pass_context
def _charge_step(context: Context, byte_count: int) -> str:
    """One step (a loop turn, a macro, an include) that may print `byte_count` bytes of its own text."""
    state = context.parent[STATE]
    state.steps_left -= 1
    state.bytes_left -= byte_count
    if state.steps_left < 0 or state.bytes_left < 0 or state.steps_left % _STEPS_A_LOOK == 0:
        state.look()
    return ""


@pass_context
def _range(context: Context, *bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > state_of(context).limits.list_length:
        raise RenderLimitError(f"range() is over {state_of(context).limits.list_length} items")
    return numbers


class _ThemeCode(CodeGenerator):
    """Writes `environment.printed(context, x)` for `{{ x }}`: one call that escapes and counts, instead of two. In what
    Jinja writes, a theme's own names have a prefix, so none of them is the `found` of ours."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write("environment.printed(context, ")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(")")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        """What `getattr` does with an item of a dict, which nearly all are, without the call."""
        self.write(f"(found[{node.attr!r}] if type(found := ")
        self.visit(node.node, frame)
        self.write(f") is dict and {node.attr!r} in found else environment.getattr(found, {node.attr!r}))")

    def macro_def(self, macro_ref: MacroRef, frame: Frame) -> None:
        name = f"{self.name}:{getattr(macro_ref.node, 'name', '')}"
        is_kept = name in self.environment.kept  # type: ignore[attr-defined]
        self.write(f"environment.keep(context, {name!r}, " if is_kept else "")
        super().macro_def(macro_ref, frame)
        self.write(")" if is_kept else "")


class ThemeTemplate(Template):
    """Imports are `ImportedFile`s, one a render for each file."""

    def _get_default_module(self, ctx: Context | None = None) -> ImportedFile:
        assert ctx is not None
        assert self.name is not None
        state = state_of(ctx)
        file = state.files.get(self.name)
        if file is None:
            environment: ThemeEnvironment = self.environment  # type: ignore[assignment]
            keep = partial(environment.kept_or_late, state, self.name)
            file = ImportedFile(self, state.data, environment.own_macros[self.name], keep)
            state.files[self.name] = file
        return file


class ThemeEnvironment(ImmutableSandboxedEnvironment):
    """One theme's templates. `strict` makes a missing name an error (tests); otherwise it prints nothing."""

    context_class = RecordingContext
    template_class = ThemeTemplate
    code_generator_class = _ThemeCode
    intercepted_binops = frozenset(_WHOLE_NUMBERS)

    def __init__(
        self,
        loader: BaseLoader,
        filters: Mapping[str, Callable[..., Any]],
        limits: RenderLimits,
        fragments: Fragments,
        *,
        kept: Iterable[str] = (),
        strict: bool,
    ) -> None:
        super().__init__(
            loader=loader,
            autoescape=True,
            undefined=StrictUndefined if strict else ChainableUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=-1,
            auto_reload=False,
        )
        self._limits = limits
        self._fragments = fragments
        self.kept: dict[str, SettingsSeen] = dict.fromkeys(kept)
        """By "file:name"."""
        self.own_macros: dict[str, frozenset[str]] = {}
        """By file: see `ImportedFile`."""
        self._loaded: dict[str, Template] = {}
        self.tests = {name: test for name, test in self.tests.items() if name in _TEST_WORDS}
        self.filters = {**filters, STEP: _charge_step}
        self.globals = {"range": _range}

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        check_syntax(source, name, filename)
        charge_everywhere(source)
        assert name is not None
        self.own_macros[name] = own_macros(source)
        return super()._generate(source, name, filename, defer_init)

    def get_template(self, name: Any, parent: str | None = None, globals: Any = None) -> Template:
        """Without what Jinja does for files that could be another's or change."""
        template = self._loaded.get(name)
        if template is None:
            template = self._loaded[name] = super().get_template(name, parent, globals)
        return template

    def make_globals(self, d: Any) -> Any:
        """The same for all files: Jinja's would be put together anew for each context."""
        return self.globals

    def keep(self, context: Context, name: str, macro: Macro) -> Macro | KeptMacro:
        """Not in an included file: there it would see the names that the including one has set."""
        state = state_of(context)
        if state.facts is None or context.parent is not state.data:
            return macro
        return self._kept(state, state.facts, name, macro)

    def kept_or_late(self, state: RenderState, file: str, macro_name: str, macro: LateMacro) -> LateMacro | KeptMacro:
        name = f"{file}:{macro_name}"
        return macro if state.facts is None or name not in self.kept else self._kept(state, state.facts, name, macro)

    def _kept(self, state: RenderState, facts: Facts, name: str, macro: Macro | LateMacro) -> KeptMacro:
        of_it = state.facts_of_macros.get(name)
        if of_it is None:
            of_it = state.facts_of_macros[name] = more_facts(facts, state.settings, self.kept[name])
        return KeptMacro(macro, name, of_it, self._fragments)

    def printed(self, context: Context, value: Any) -> str:
        """Every `{{ ... }}` ends here: null prints nothing, text is escaped, and what is printed counts.

        What has nothing to escape goes out as it is: looking for it costs a third of making new Markup of it.
        """
        kind = type(value)
        if kind is int:
            text = str(value)
        elif kind is Markup:
            text = value
        else:
            text = value if kind is str else text_of(value)
            text = escape(text) if _needs_escaping(text) else text
        state = context.parent[STATE]
        state.bytes_left -= len(text)  # charge_output, without the call: this runs some hundred times a page
        if state.bytes_left < 0:
            state.look()
        return text

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`a.b` is an item of a dict. Of Python's own attributes only loop facts and imported macros can be had."""
        if type(obj) is dict:
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        if isinstance(obj, LoopContext) and attribute in _LOOP_WORDS:
            return getattr(obj, attribute)
        if isinstance(obj, ImportedFile) and not attribute.startswith("_"):
            return getattr(obj, attribute, self.undefined(obj=obj, name=attribute))
        if isinstance(obj, ChainableUndefined):
            return obj
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, (dict, list, tuple, str)):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                return self.undefined(obj=obj, name=argument)
        return obj if isinstance(obj, ChainableUndefined) else self.undefined(obj=obj, name=argument)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        kind = type(__obj)
        if kind is Macro or kind is KeptMacro or kind is LateMacro:
            # Without Context.call's questions about what to pass; it charges itself.
            kwargs.pop("_block_vars", None)
            kwargs.pop("_loop_vars", None)
            return call_macro(__obj, __context.eval_ctx, args, kwargs)
        if not __self.is_safe_callable(__obj):
            raise SecurityError("a theme can call macros, super(), caller(), loop.cycle() and range() only")
        _charge_step(__context, 0)
        return __context.call(__obj, *args, **kwargs)

    def is_safe_callable(self, obj: Any) -> bool:
        if isinstance(obj, (Macro, KeptMacro, LateMacro, BlockReference)) or obj is _range:
            return True
        return isinstance(getattr(obj, "__self__", None), LoopContext)  # loop.cycle

    def call_binop(self, context: Context, symbol: str, left: Any, right: Any) -> Any:
        """Numbers calculate, texts and lists join; nothing grows past the limits ("a" * 10**9, "%99999d" % 1)."""
        if type(left) is int and type(right) is int and -_LARGE < left < _LARGE and -_LARGE < right < _LARGE:
            return _WHOLE_NUMBERS[symbol](left, right)
        both = (left, right)
        if all(isinstance(side, (int, float)) for side in both):
            if symbol == "*" and any(abs(side) > _LARGE for side in both):
                raise RenderLimitError("a number is too large")
            return super().call_binop(context, symbol, left, right)
        if symbol == "+" and all(isinstance(side, str) for side in both):
            state_of(context).check_length(len(left) + len(right))
            return left + right
        if symbol == "+" and all(isinstance(side, (list, tuple)) for side in both):
            if len(left) + len(right) > self._limits.list_length:
                raise RenderLimitError(f"a list is over {self._limits.list_length} items")
            return [*left, *right]
        raise TypeError(f"a theme cannot calculate {type(left).__name__} {symbol} {type(right).__name__}")
