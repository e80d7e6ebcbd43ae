"""One declared study, run from inputs to files."""

from clustermap.study.analysis import analyse, measure, neighbours
from clustermap.study.declaration import Study
from clustermap.study.outputs import OUTPUTS, recorded_study, run_study, study_map
from clustermap.study.result import StudyResult

__all__ = [
    "OUTPUTS",
    "Study",
    "StudyResult",
    "analyse",
    "measure",
    "neighbours",
    "recorded_study",
    "run_study",
    "study_map",
]
