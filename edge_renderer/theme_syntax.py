"""What a theme's files may say, what their names stand for, and where the steps they are charged for are put in: all on
Jinja's syntax tree, when a theme is loaded.
"""

from collections.abc import Iterator
from typing import NoReturn

from jinja2 import nodes
from jinja2.exceptions import TemplateAssertionError

STEP = "_step"
"""The filter that charges a step, which no theme can name."""
_NODES = (
    "Template Output TemplateData Extends Block Include Import FromImport Macro CallBlock For If Assign AssignBlock "
    "FilterBlock Name Const List Tuple Dict Pair Keyword Slice CondExpr Filter Test Call Getattr Getitem Compare "
    "Operand And Or Not Add Sub Mul Div FloorDiv Mod Neg Pos Concat With"
)
_NODE_WORDS = frozenset(_NODES.split())
_CHARGED = (nodes.Template, nodes.Block, nodes.Macro, nodes.CallBlock, nodes.For)


def _refuse(node: nodes.Node, name: str | None, filename: str | None, reason: str) -> NoReturn:
    # Some nodes of Jinja have no line, whatever their type says, and its traceback code needs one.
    raise TemplateAssertionError(reason, getattr(node, "lineno", None) or 1, name, filename)


def check_syntax(template: nodes.Template, name: str | None, filename: str | None) -> None:
    """The allow-list. What is not named here no theme can say, whatever a later Jinja learns to parse."""
    for node in every_node(template):
        kind = type(node).__name__
        if kind not in _NODE_WORDS:
            _refuse(node, name, filename, f"themes cannot use {kind}")
        for word in _words(node):
            if word.startswith("_"):
                _refuse(node, name, filename, f"names cannot start with an underscore: {word}")
        reference = getattr(node, "template", None)
        if reference is not None and not (isinstance(reference, nodes.Const) and isinstance(reference.value, str)):
            _refuse(node, name, filename, "name the file of the theme as a plain text")
        if isinstance(node, nodes.For) and node.recursive:
            _refuse(node, name, filename, "loops cannot be recursive")
        if isinstance(node, nodes.Name) and node.name == "self":
            _refuse(node, name, filename, "themes cannot use self")
        if getattr(node, "dyn_args", None) or getattr(node, "dyn_kwargs", None):
            _refuse(node, name, filename, "arguments cannot be unpacked")


def every_node(top: nodes.Node) -> list[nodes.Node]:
    """It and all below it, in the order of the text. Jinja's own walk hands each node up through all that are above it,
    and walks once more for every kind that is asked for: most of a start went there."""
    found, ahead = [], [top]
    while ahead:
        node = ahead.pop()
        found.append(node)
        ahead += reversed([*node.iter_child_nodes()])
    return found


def _words(node: nodes.Node) -> Iterator[str]:
    for field in ("name", "attr", "key", "target"):
        value = getattr(node, field, None)
        if isinstance(value, str):
            yield value
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        yield node.arg.value
    if isinstance(node, nodes.FromImport):
        for word in node.names:
            yield from (word,) if isinstance(word, str) else word


def names_given(template: nodes.Template) -> dict[str, list[nodes.Macro | str | None]]:
    """What each name of a file is given to, wherever in it: a macro, an imported one as "file:name", or None for
    anything else. A name that a macro has for itself alone counts too: better one theme too many is refused."""
    given: dict[str, list[nodes.Macro | str | None]] = {}
    for node in every_node(template):
        if isinstance(node, nodes.Macro):
            given.setdefault(node.name, []).append(node)
        elif isinstance(node, nodes.FromImport):
            for word in node.names:
                name, alias = (word, word) if isinstance(word, str) else word
                given.setdefault(alias, []).append(f"{node.template.as_const()}:{name}")
        elif isinstance(node, nodes.Import):
            given.setdefault(node.target, []).append(None)
        elif isinstance(node, nodes.Name) and node.ctx != "load":
            given.setdefault(node.name, []).append(None)
    return given


def own_macros(template: nodes.Template) -> frozenset[str]:
    """The names that stand for a macro of the file, on whatever page, and never for anything else."""
    given = names_given(template)
    return frozenset(
        node.name for node in template.body if isinstance(node, nodes.Macro) and len(given[node.name]) == 1
    )


def charge_everywhere(template: nodes.Template) -> None:
    """Puts a step at the start of every body that can run more than once, with the bytes of its fixed text."""
    every = every_node(template)
    for node in every:
        if isinstance(node, (nodes.Import, nodes.FromImport)):
            node.with_context = False  # as `ThemeTemplate` understands it
        if isinstance(node, nodes.Concat):  # `x ~ x` again and again doubles a text: each part counts
            node.nodes = [nodes.Filter(part, "text", [], [], None, None, lineno=node.lineno) for part in node.nodes]
    for node in every:
        if not isinstance(node, _CHARGED):
            continue
        step = nodes.Filter(nodes.Const(_fixed_bytes(node)), STEP, [], [], None, None, lineno=node.lineno)
        node.body.insert(0, nodes.ExprStmt(step, lineno=node.lineno))
    if template.environment is not None:
        template.set_environment(template.environment)


def _fixed_bytes(node: nodes.Node) -> int:
    return sum(
        len(child.data.encode()) if isinstance(child, nodes.TemplateData) else _fixed_bytes(child)
        for child in node.iter_child_nodes()
        if not isinstance(child, _CHARGED)
    )
