"""Results on disk: tables, a document in plain words, and the manifest."""

from clustermap.reports.document import markdown_report
from clustermap.reports.manifest import input_record, manifest_text
from clustermap.reports.tables import csv_text, geopackage, read_csv

__all__ = ["csv_text", "geopackage", "input_record", "manifest_text", "markdown_report", "read_csv"]
