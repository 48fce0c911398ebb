"""The look of a card's page: one sheet of CSS, light and dark, for a telephone, a desk and A4.

A study is a table with a row for each measure; each row stands as a block, its figure beside its numbers or, on a
telephone, above them, and every number carries its column's name. Nothing is fetched: the fonts are the reader's own.
"""

from __future__ import annotations

from typing import Literal

from cogattn.figures import COLOURS
from cogattn.reporting.card.marks import MARKS, css_class

Theme = Literal["light", "dark"]

PAGE: dict[Theme, str] = {
    "light": f"--ground:#fff;--ink:#1b1b1b;--soft:#555;--rule:#d9d9d9;--panel:#f6f6f4;"
    f"--people:{COLOURS['human']};--observer:{COLOURS['model']}",
    "dark": "--ground:#15171a;--ink:#ececec;--soft:#b4b4b4;--rule:#3a3d42;--panel:#1e2126;"
    "--people:#E69F00;--observer:#56B4E9",
}
"""Variables of the page. The dark page has the lighter orange and blue of the same palette."""
LAYOUT = """
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
header,main,footer{max-width:76rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:1.6rem}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .2rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:0 0 .3rem;line-height:1.3}
h3{font-size:1rem;margin:1rem 0 .3rem}
p{margin:.3rem 0}
a{color:inherit}
section{margin:2rem 0 0;padding-top:1.1rem;border-top:1px solid var(--rule)}
.soft,caption{color:var(--soft)}
.kind{font-weight:400;color:var(--soft)}
ul.plain{list-style:none;margin:.5rem 0;padding:0}
ul.plain li{display:grid;grid-template-columns:9.5rem 1fr;align-items:baseline;margin:.2rem 0}
.remarks{margin:.5rem 0;padding:.5rem .9rem .5rem 1.9rem;background:var(--panel);border-left:3px solid var(--soft)}
.remarks li{margin:.15rem 0;overflow-wrap:anywhere}
.status{display:inline-flex;gap:.4rem;align-items:baseline;font-weight:600;white-space:nowrap}
.icon{flex:none;position:relative;top:.13em}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:0 0 .3rem}
th,td{text-align:left;vertical-align:top;padding:.45rem .6rem .45rem 0;border-bottom:1px solid var(--rule)}
thead th{font-size:.82rem;font-weight:600;color:var(--soft);vertical-align:bottom;line-height:1.25}
th[scope=row]{font-weight:600}
th .soft,td .soft{font-weight:400;font-size:.85rem}
td.none{color:var(--soft)}
.ends{white-space:nowrap}
.glance{max-width:60rem}
.glance th[scope=row]{width:45%}
.glance td,.glance th[scope=row]{padding:.25rem .6rem .25rem 0;vertical-align:middle;overflow-wrap:anywhere}
.glance .scale td{border:0;padding-top:0}
.strip.places{max-width:19rem;overflow:visible}
.places .detectable{stroke:currentColor;stroke-width:1.4;stroke-dasharray:3 2;fill:none;opacity:.7}
.places .under{fill:var(--ground)}
.label{display:block;margin-bottom:.15rem}
.note{display:block;font-weight:400;font-size:.82rem;color:var(--soft);overflow-wrap:anywhere;margin-top:.25rem}
tr.grey th,tr.grey td{color:var(--soft)}
.strip{display:block;width:100%;max-width:25rem;height:auto;font-size:10.5px;fill:currentColor}
.strip .axis{stroke:currentColor;stroke-width:1;fill:none;opacity:.65}
.strip .band{fill:var(--people);opacity:.2}
.strip .mean{stroke:var(--people);stroke-width:1.6;fill:none}
.strip .person{fill:var(--people);fill-opacity:.85;stroke:var(--ground);stroke-width:.6}
.strip .person.simulated{fill:none;stroke:var(--soft);stroke-width:1.2}
.strip .mean.simulated{stroke:var(--soft)}
.strip .band.simulated{fill:var(--soft)}
.strip .interval{stroke:var(--observer);stroke-width:2;fill:none}
.strip .open{stroke:var(--observer);stroke-width:1.6;fill:none}
.strip .observer{fill:var(--observer);stroke:var(--ground);stroke-width:.8}
details{margin:.4rem 0}
summary{cursor:pointer;font-size:.88rem}
.values{columns:9rem auto;margin:.3rem 0;padding:0;list-style:none;font-size:.85rem;font-variant-numeric:tabular-nums}
pre{margin:.4rem 0;padding:.6rem .8rem;background:var(--panel);white-space:pre-wrap;overflow-wrap:anywhere;
font-size:.85rem}
code{font-family:ui-monospace,"DejaVu Sans Mono",Consolas,monospace;overflow-wrap:anywhere}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;margin:.6rem 0 0;padding:0}
footer{padding:1.5rem 1.25rem 2.5rem;color:var(--soft);font-size:.85rem}
:focus-visible{outline:3px solid var(--observer);outline-offset:2px}
"""
STACKED = """
.stack,.stack tbody,.stack tr,.stack th,.stack td{display:block}
.stack thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stack caption{display:block}
.stack tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.8rem,1fr));gap:.15rem .9rem;padding:.7rem 0;
border-bottom:1px solid var(--rule);break-inside:avoid}
.stack th[scope=row],.stack td.figure,.stack td.wide{grid-column:1/-1}
.stack th,.stack td{border:0;padding:.1rem 0;overflow-wrap:anywhere}
.stack td[data-label]::before{content:attr(data-label);display:block;font-size:.78rem;color:var(--soft)}
.stack td.none{display:none}
"""
BESIDE = """
.measures tr{grid-template-columns:25rem repeat(auto-fill,minmax(9.8rem,1fr))}
.measures td.figure{grid-column:1;grid-row:2/span 7}
"""
PAPER = """
@page{size:A4;margin:14mm}
body{font-size:9.5pt}
header,main,footer{max-width:none;padding:0}
section{margin-top:1.1rem}
h2,h3,caption,.remarks{break-after:avoid}
summary{list-style:none}
nav,details:not([open]){display:none}
.stack tr{grid-template-columns:repeat(4,1fr)}
.strip{max-width:95mm}
a{text-decoration:none}
"""


def sheet() -> str:
    """Return the whole sheet."""
    return "".join(
        [
            _variables("light"),
            f"@media screen and (prefers-color-scheme:dark){{{_variables('dark')}}}",
            LAYOUT,
            *(f".{name} .icon,.place.{name}{{color:var(--{name})}}" for name in map(css_class, MARKS)),
            STACKED,
            f"@media (max-width:40rem){{{STACKED.replace('.stack', '.fold')}}}",
            f"@media screen and (min-width:52rem){{{BESIDE}}}",
            "@media (max-width:30rem){.stack tr,.fold tr{grid-template-columns:1fr 1fr}"
            "header,main,footer{padding-left:1rem;padding-right:1rem}}",
            f"@media print{{html{{color-scheme:light}}*{{print-color-adjust:exact}}{PAPER}}}",
        ]
    )


def _variables(theme: Theme) -> str:
    colours = ((status, mark.light if theme == "light" else mark.dark) for status, mark in MARKS.items())
    own = ";".join(f"--{css_class(status)}:{colour}" for status, colour in colours)
    return f":root{{{PAGE[theme]};{own}}}"
