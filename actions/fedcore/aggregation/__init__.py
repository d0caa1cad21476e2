"""How a round's updates become a version: the only place that imports numpy.

Everything here looks at one chunk of all updates at a time (`Part`), so that memory
does not grow with the model. A strategy is up to three pure functions; see
`strategies`. Equal updates give equal bytes, whichever process aggregates.
"""

from fedcore.aggregation.bounds import clip, square_distances_from
from fedcore.aggregation.mean import weighted_mean
from fedcore.aggregation.part import EmptyRound, LengthMismatch, Part
from fedcore.aggregation.strategies import STRATEGIES, Weights, combine, measure, plan

__all__ = [
    "STRATEGIES",
    "EmptyRound",
    "LengthMismatch",
    "Part",
    "Weights",
    "clip",
    "combine",
    "measure",
    "plan",
    "square_distances_from",
    "weighted_mean",
]
