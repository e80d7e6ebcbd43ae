"""One declared study, run from inputs to files."""

from clustermap.study.analysis import analyse
from clustermap.study.declaration import Study
from clustermap.study.outputs import OUTPUTS, recorded_study, run_study, study_map
from clustermap.study.result import StudyResult

__all__ = ["OUTPUTS", "Study", "StudyResult", "analyse", "recorded_study", "run_study", "study_map"]
