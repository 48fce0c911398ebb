"""BibTeX entries as other formats want them: authors by name, plain text, a DOI.

Studies give their paper as one BibTeX entry. What is read of it is what RO-Crate and BIDS ask for; a field that cannot
be read stays as it is written, for an entry never stands in the way of a run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "v": "\u030c", "c": "\u0327", "u": "\u0306", "H": "\u030b", "r": "\u030a", "k": "\u0328",
}  # fmt: skip
"""Combining marks by LaTeX's name."""
LETTERS = {
    "ss": "ß",
    "o": "ø",
    "O": "Ø",
    "l": "ł",
    "L": "Ł",
    "ae": "æ",
    "AE": "Æ",
    "aa": "å",
    "AA": "Å",
    "i": "ı",
}
ARXIV = re.compile(r"arXiv[:.]\s*(\d{4}\.\d{4,5})", re.IGNORECASE)
DOI = re.compile(r"10\.\d{4,9}/[^\s;,{}()]*[^\s;,.{}()]")
VENUES = ("journal", "booktitle", "publisher", "howpublished")
_ACCENTED = re.compile(r"\\(?:([\'`^\"~=.])\s*|([vcuHrk])(?:\s+|(?=\{)))(?:\{\\?(\w)\}|\\?(\w))")
_LETTER = re.compile(r"\\(ss|ae|AE|aa|AA|[oOlLi])(?![A-Za-z])\s*")


@dataclass(frozen=True)
class Reference:
    """One entry.

    Parameters
    ----------
    kind : str
        ``article``, ``inproceedings``, ``misc``, ``software`` ...
    key : str
        By which texts cite it.
    fields : mapping of str to str
        As written, without the outer braces or quotes, by lower-case name.
    """

    kind: str
    key: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def bibtex(self) -> str:
        """The entry as text."""
        own = ",\n".join(f"  {name} = {{{value}}}" for name, value in self.fields.items())
        return f"@{self.kind}{{{self.key},\n{own}\n}}"

    @property
    def title(self) -> str:
        """In plain text; the key where there is none."""
        return plain(self.fields.get("title", "")) or self.key

    @property
    def authors(self) -> tuple[str, ...]:
        """Names in plain text, given names first."""
        names = re.split(r"\s+and\s+", " ".join(self.fields.get("author", "").split()))
        return tuple(_given_first(name) for name in names if name not in ("", "others"))

    @property
    def venue(self) -> str:
        """Journal, proceedings or publisher in plain text; empty where there is none."""
        return plain(next((self.fields[name] for name in VENUES if name in self.fields), ""))

    @property
    def doi(self) -> str:
        """Without ``https://doi.org/``; of arXiv's own papers the one that arXiv registers; empty where unknown."""
        if found := DOI.search(self.fields.get("doi", "")):
            return found[0]
        arxiv = (ARXIV.search(self.fields.get(name, "")) for name in ("journal", "note", "eprint"))
        return next((f"10.48550/arXiv.{match[1]}" for match in arxiv if match), "")

    @property
    def url(self) -> str:
        """Address of its DOI, or its own; empty where unknown."""
        return f"https://doi.org/{self.doi}" if self.doi else self.fields.get("url", "")


def read(text: str) -> Reference:
    """Return a BibTeX entry; what is none becomes one whose title is the text."""
    head = re.match(r"\s*@(\w+)\s*\{\s*([^,\s]+)\s*,", text)
    if head is None:
        return Reference("misc", "unnamed", {"title": " ".join(text.split())})
    fields, place = {}, head.end()
    while name := re.compile(r"[\s,]*([A-Za-z][\w-]*)\s*=\s*").match(text, place):
        value, place = _value(text, name.end())
        fields[name[1].lower()] = " ".join(value.split())
    return Reference(head[1].lower(), head[2], fields)


def plain(text: str) -> str:
    """Return LaTeX as plain text: letters with their accents, dashes, no braces.

    Examples
    --------
    >>> plain(r"de Cheveign{\\'e}, {EEG} 89--102")
    'de Cheveigné, EEG 89–102'
    """
    accented = _ACCENTED.sub(
        lambda m: unicodedata.normalize("NFC", (m[3] or m[4]) + ACCENTS[m[1] or m[2]]), text
    )
    letters = _LETTER.sub(lambda m: LETTERS[m[1]], accented)
    bare = re.sub(r"[{}]", "", letters.replace("---", "—").replace("--", "–").replace("~", " "))
    return " ".join(re.sub(r"\\([&%$#_])", r"\1", bare).split())


def _value(text: str, place: int) -> tuple[str, int]:
    """A field's value from `place` on, and where it ends: in braces, in quotes, or bare."""
    opening = text[place : place + 1]
    if opening not in ("{", '"'):
        bare = re.compile(r"[^,}]*").match(text, place)
        return (bare[0], bare.end()) if bare else ("", len(text))
    depth = 0
    for i in range(place, len(text)):
        depth += (text[i] == "{") - (text[i] == "}")
        closed = depth == 0 and (text[i] == "}" if opening == "{" else i > place and text[i] == '"')
        if closed:
            return text[place + 1 : i], i + 1
    return text[place + 1 :], len(text)


def _given_first(name: str) -> str:
    """``Bertrand, Alexander`` as ``Alexander Bertrand``; in braces, a name of one piece."""
    if name.startswith("{") and name.endswith("}"):
        return plain(name)
    family, _, given = plain(name).partition(", ")
    return f"{given} {family}" if given else family
