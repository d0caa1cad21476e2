"""How a round's updates become a version: the only place that imports numpy.

Everything here walks a model chunk by chunk (`Part`), so that memory does not grow
with the model. A strategy is a function that looks at an experiment's settings, and
at the whole walk if it must, and returns the function that combines one part; see
`strategies`. Equal updates give equal bytes, whoever aggregates.
"""

from fedcore.aggregation.bounds import clip, square_distances_from
from fedcore.aggregation.mean import weighted_mean
from fedcore.aggregation.part import EmptyRound, LengthMismatch, Part
from fedcore.aggregation.strategies import STRATEGIES, Combine, Walk, combiner

__all__ = [
    "STRATEGIES",
    "Combine",
    "EmptyRound",
    "LengthMismatch",
    "Part",
    "Walk",
    "clip",
    "combiner",
    "square_distances_from",
    "weighted_mean",
]
