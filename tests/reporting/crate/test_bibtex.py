"""BibTeX entries: fields, names, accents, DOIs; every study's paper among them."""

from __future__ import annotations

import pytest

from cogattn.registry import load_study, study_entry_points
from cogattn.reporting.crate.bibtex import Reference, plain, read

ENTRY = r"""@article{geirnaert2021,
  title = {{EEG}-Based Attention Decoding},
  author = {Geirnaert, Simon and de Cheveign{\'e}, Alain and {The Lab} and others},
  journal = "Signal {Processing}", pages = {89--102}, year = 2021,
  doi = {https://doi.org/10.1000/xyz.123}
}"""


def test_fields_are_read_in_braces_in_quotes_and_bare() -> None:
    found = read(ENTRY)
    assert (found.kind, found.key) == ("article", "geirnaert2021")
    assert found.fields["title"] == "{EEG}-Based Attention Decoding"
    assert found.fields["journal"] == "Signal {Processing}"
    assert found.fields["year"] == "2021"
    assert found.venue == "Signal Processing"


def test_names_are_plain_with_given_names_first() -> None:
    assert read(ENTRY).authors == ("Simon Geirnaert", "Alain de Cheveigné", "The Lab")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r"Barto{\v{s}}", "Bartoš"),
        (r"Barto\v{s}", "Bartoš"),
        (r"M{\"u}ller, G\'{e}rard", "Müller, Gérard"),
        (r"S{\o}ren Stra{\ss}e", "Søren Straße"),
        (r"{\c c}a, na{\"\i}ve", "ça, naïve"),
        ("a~b -- {C} & {\\&}", "a b – C & &"),
    ],
)
def test_latex_becomes_letters(text: str, wanted: str) -> None:
    assert plain(text) == wanted


@pytest.mark.parametrize(
    ("fields", "doi"),
    [
        ({"doi": "10.1000/xyz.123"}, "10.1000/xyz.123"),
        ({"doi": "https://doi.org/10.1000/xyz.123."}, "10.1000/xyz.123"),
        ({"journal": "arXiv:2507.05635"}, "10.48550/arXiv.2507.05635"),
        ({"note": "arXiv:2401.10393v1"}, "10.48550/arXiv.2401.10393"),
        ({"journal": "Vision Research"}, ""),
    ],
)
def test_a_doi_is_its_own_or_that_of_arxiv(fields: dict[str, str], doi: str) -> None:
    found = Reference("article", "x", fields)
    assert found.doi == doi
    assert found.url == (f"https://doi.org/{doi}" if doi else "")


@pytest.mark.parametrize("name", sorted(study_entry_points()))
def test_the_paper_of_every_study_is_read(name: str) -> None:
    found = read(load_study(name).reference)
    assert found.title != found.key
    assert len(found.authors) > 1
    assert all(len(author.split()) > 1 and "{" not in author for author in found.authors)
    assert found.fields["year"].isdigit()
    assert found.venue or found.doi
    assert read(found.bibtex) == found


def test_what_is_no_entry_is_a_title() -> None:
    assert read("Green and Swets\n 1966").title == "Green and Swets 1966"
