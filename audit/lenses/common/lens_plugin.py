"""Lenses of other packages, held to what every lens promises while they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.cards import LensCard
from audit.lenses.common.protocol import Lens, LensAnswer, TextLens
from audit.plugins import Plugin, PluginProblem, Plugins


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginLens:
    """Asks a lens of another package, and passes on what it answers in its own name."""

    plugin: Plugin
    lens: Lens
    card: LensCard

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer the question; see :class:`Lens`.

        Raises:
            PluginProblem: If the lens fails, or answers under a name that is not its own.
        """
        with self.plugin.guarded("was asked about a run"):
            answer = self.lens.examine(evidence, level=level)
            metrics, own = {metric.name for metric in self.card.metrics}, self.card.name
            strange = {one.metric for one in answer.findings if one.lens != own or one.metric not in metrics}
            strange |= {name for name in answer.tables if not f"{name}_".startswith(f"{own}_")}
        if strange:
            raise self.plugin.problem(f"answered under names that are not its own: {', '.join(sorted(strange))}")
        return answer


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PluginTextLens(PluginLens):
    """The same of a lens that wants texts."""

    lens: TextLens

    def wants(self, prompts: pd.DataFrame) -> tuple[str, ...]:
        """Return further texts to be embedded; none where the lens fails, which it then does again when it is asked."""
        try:
            with self.plugin.guarded("was asked for its texts"):
                return tuple(map(str, self.lens.wants(prompts)))
        except PluginProblem:
            return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginLenses:
    """The lenses of other packages by name, and why some are left out."""

    lenses: Mapping[str, PluginLens] = field(default_factory=dict)
    problems: Mapping[str, PluginProblem] = field(default_factory=dict)


def load_plugin_lenses(plugins: Plugins) -> PluginLenses:
    """Import lenses; one that cannot be used is left out, with its problem."""
    lenses: dict[str, PluginLens] = {}
    problems = dict(plugins.problems)
    for name, plugin in plugins.found.items():
        try:
            lenses[name] = _load(plugin)
        except PluginProblem as problem:
            problems[name] = problem
    return PluginLenses(lenses=lenses, problems=problems)


def _load(plugin: Plugin) -> PluginLens:
    lens = plugin.load()
    with plugin.guarded("was asked for its card"):
        if not isinstance(lens, Lens) or not isinstance(lens.card, LensCard):
            raise TypeError(f"{type(lens).__name__} is no lens with a card")
        card = lens.card
        strange = [metric.name for metric in card.metrics if not metric.name.startswith(f"{plugin.name}.")]
    if card.name != plugin.name or strange or not card.metrics:
        raise plugin.problem(f"calls itself {card.name}, or its metrics do not begin with {plugin.name}.")
    if isinstance(lens, TextLens):
        return PluginTextLens(plugin=plugin, lens=lens, card=card)
    return PluginLens(plugin=plugin, lens=lens, card=card)
