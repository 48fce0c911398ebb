"""A class of which single members are reached: those that one method uses, through the object or the class.

A study's ``run_cell`` must not reach its ``summarise``, though both are one class.
"""

from __future__ import annotations

import ast

from cogattn.errors import StoreError
from cogattn.running.reach.names import Imported, Use, Uses, bound_names, imported, parameters, uses_of
from cogattn.running.reach.registering import may_register_member
from cogattn.running.reach.tree import Syntax, Unit, run_at_import, tree_digest
from cogattn.running.reach.walk import Walk, is_dunder, unsubscripted

STUDY, CELL = "cogattn.study", "Cell"
Method = ast.FunctionDef | ast.AsyncFunctionDef
Member = tuple[Syntax, Unit, ast.stmt]


class Members:
    """Follows the members of a class, inherited ones too.

    Parameters
    ----------
    walk : Walk
        Gets what they refer to.
    syntax : Syntax
        The class's module.
    unit : Unit
        The class.
    """

    def __init__(self, walk: Walk, syntax: Syntax, unit: Unit) -> None:
        self.walk, self.syntax, self.unit = walk, syntax, unit
        self.classes = list(dict.fromkeys(walk.hierarchy(syntax, unit)))
        walk.by_member |= {above for _, above in self.classes}
        self.members: list[Member] = [
            (where, above, node) for where, above in self.classes for node in above.body
        ]
        self.names = {name for *_, node in self.members for name in bound_names(node)}
        self.foreign = False
        """A base is made by a function of ours: its members cannot be told."""
        self._done: set[ast.stmt] = set()
        self._wanted: set[str] = set()

    def enter(self, method: str) -> None:
        """Take in a method, what runs when the class is made, and the classes of its arguments.

        Raises
        ------
        StoreError
            If the class has no such method.
        """
        self._start()
        if method not in self.names and not self.foreign:
            raise StoreError(
                f"{self.syntax.name}:{self.unit.label} must have the method {method}; got no definition of that name"
            )
        self.want(method)
        if method not in self.names:
            self._use(method)
        self._annotated(method)
        if {"cells", "Config"} <= self.names:
            self.want("Config")
            if method != "cells":
                self._cell_classes()

    def want(self, name: str) -> None:
        """Take in a member by name, wherever in the hierarchy it is defined."""
        if name in self._wanted:
            return
        self._wanted.add(name)
        for member in self.members:
            if name in bound_names(member[2]):
                self._take(member)

    def _start(self) -> None:
        for syntax, unit in self.classes:
            self._header(syntax, unit)
        for member in self.members:
            names = bound_names(member[2])
            told = may_register_member(member[2], member[0], self.walk)
            if told or not names or any(map(is_dunder, names)):
                self._take(member)

    def _header(self, syntax: Syntax, unit: Unit) -> None:
        """Decorators, bases and keywords; a base that is one of our classes is reached by its members only."""
        if not isinstance(unit.node, ast.ClassDef):
            return
        keywords = [keyword.value for keyword in unit.node.keywords]
        header = [*unit.node.decorator_list, *unit.node.bases, *keywords]
        self.walk.note(f"{syntax.name}:{unit.label}()", *map(tree_digest, header))
        self.walk.load(Imported(syntax.name))
        self.walk.follow(uses_of([*unit.node.decorator_list, *keywords], syntax.package), syntax)
        if any(self._makes_functions(syntax, decorator) for decorator in unit.node.decorator_list):
            self._use("")
        for base in unit.node.bases:
            uses = uses_of([base], syntax.package)
            plain = isinstance(unsubscripted(base), ast.Name | ast.Attribute)
            for use in uses.names:
                found = [above for _, above in self.walk.definitions(syntax.name, use.chain)]
                if not (plain and found and all(above.kind == "class" for above in found)):
                    self.walk.reach_global(syntax, use)
                    self.foreign |= bool(found)

    def _take(self, member: Member) -> None:
        syntax, unit, node = member
        if node in self._done:
            return
        self._done.add(node)
        self.walk.taken.setdefault(unit, (syntax, set()))[1].add(node)
        label = ",".join(sorted(bound_names(node))) or f"<{type(node).__name__}>"
        self.walk.note(f"{syntax.name}:{unit.label}.{label}", tree_digest(node))
        static = any(getattr(d, "id", "") == "staticmethod" for d in getattr(node, "decorator_list", ()))
        uses = uses_of([node], syntax.package, own=None if static else node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            uses.names |= {Use(target) for _, target in imported(node, syntax.package)}
        if self._hands_self_on(syntax, node):
            uses.own.add(())
        uses.names -= {use for use in uses.names if self._is_own(syntax, use, node)}
        self.walk.follow(uses, syntax)
        for attributes in uses.own:
            self._use(attributes[0] if attributes else "")

    def _hands_self_on(self, syntax: Syntax, node: ast.stmt) -> bool:
        """Whether code outside the class gets the object: a function that is made a member, or wraps one."""
        if isinstance(node, Method):
            return any(self._makes_functions(syntax, decorator) for decorator in node.decorator_list)
        inside = list(run_at_import(node))
        called = {id(inner.func) for inner in inside if isinstance(inner, ast.Call)}
        return any(
            isinstance(inner, ast.Lambda)
            or (
                isinstance(inner, ast.Name | ast.Attribute)
                and id(inner) not in called
                and any(unit.kind == "function" for unit in self._meant(syntax, inner))
            )
            for inner in inside
        )

    def _makes_functions(self, syntax: Syntax, node: ast.expr) -> bool:
        """Whether a decorator of ours puts another function in the place of what it gets."""
        called = node.func if isinstance(node, ast.Call) else node
        return any(
            isinstance(inner, Method | ast.Lambda)
            for unit in self._meant(syntax, called)
            for top in (unit.body or [unit.node])
            for inner in ast.walk(top)
            if inner is not unit.node
        )

    def _meant(self, syntax: Syntax, node: ast.expr) -> list[Unit]:
        """Definitions of ours that an expression names."""
        uses = uses_of([node], syntax.package) if isinstance(node, ast.Name | ast.Attribute) else Uses()
        return [unit for use in uses.names for _, unit in self.walk.definitions(syntax.name, use.chain)]

    def _is_own(self, syntax: Syntax, use: Use, node: ast.stmt) -> bool:
        """Follow a name that means this class, or in its body one of its members."""
        name = str(use.origin)
        bound = syntax.bindings.get(name, ())
        if use.attributes and any(unit in bound for _, unit in self.classes):
            self._use(use.attributes[0])
            return True
        if name in self.names and not (isinstance(node, Method) and bound):
            self.want(name)
            return not bound
        return False

    def _use(self, name: str) -> None:
        """Follow ``self.name``; the object as a whole, and a name that nobody defines, may mean any member."""
        if name in self.names:
            self.want(name)
        elif name not in self._wanted and not (is_dunder(name) and name != "__dict__"):
            self._wanted.add(name)
            setters = [member for member in self.members if name and _sets(member[2], name)]
            for member in setters or self.members:
                self._take(member)

    def _annotated(self, method: str) -> None:
        """Take in the classes that annotate a method's parameters, though they be imported for that alone."""
        for syntax, _, node in self.members:
            if isinstance(node, Method) and node.name == method:
                for use in _annotations(node, syntax).names:
                    for bound in syntax.typing.get(str(use.origin), ()):
                        if isinstance(bound, Imported):
                            self.walk.reach_imported(bound, use.attributes)

    def _cell_classes(self) -> None:
        """Take in the classes of a study's cells: `cells` makes them, and `run_cell` reads their properties."""
        plan = self.walk.branch()
        Members(plan, self.syntax, self.unit).want("cells")
        plan.finish()
        for unit, syntax in plan.reached.items():
            above = self.walk.hierarchy(syntax, unit) if unit.kind == "class" else ()
            if any(where.name == STUDY and base.label == CELL for where, base in above):
                self.walk.reach(unit, syntax)


def _annotations(node: Method, syntax: Syntax) -> Uses:
    """What the annotations of a function's parameters refer to."""
    given = [argument.annotation for argument in parameters(node) if argument.annotation]
    stand_ins = [ast.AnnAssign(ast.Name("_", ast.Store()), annotation, None, 1) for annotation in given]
    return uses_of(stand_ins, syntax.package)


def _sets(node: ast.stmt, name: str) -> bool:
    """Whether a method assigns an attribute of that name."""
    return any(
        isinstance(inner, ast.Attribute) and inner.attr == name and not isinstance(inner.ctx, ast.Load)
        for inner in ast.walk(node)
    )
