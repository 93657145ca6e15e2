"""Videos: what one is, reading, rejecting, surveying and generating catalogues of them."""

from tv2sim.catalogue.generating import generate_catalogue, generate_lines
from tv2sim.catalogue.reading import Import, import_catalogue, read_catalogue
from tv2sim.catalogue.survey import Survey, survey_catalogue
from tv2sim.catalogue.videos import Catalogue, Rejected, Video

__all__ = [
    "Catalogue", "Import", "Rejected", "Survey", "Video", "generate_catalogue", "generate_lines",
    "import_catalogue", "read_catalogue", "survey_catalogue",
]  # fmt: skip
