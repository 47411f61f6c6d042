"""How the article looks: warm paper, one ink, a serif; light, dark, on a phone, and on A4. Pure.

No font is fetched: the first of these that the reader's machine has is taken.
"""

from __future__ import annotations

SERIF = "'Source Serif 4', 'Source Serif', 'Iowan Old Style', Charter, 'Bitstream Charter', Georgia, serif"
SANS = "Inter, 'Source Sans 3', 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif"

_SERIES = "\n".join(
    f"svg .s{n} {{ stroke: var(--s{n}); }} svg .f.s{n} {{ fill: var(--s{n}); stroke: none; }} "
    f"svg .band.s{n} {{ fill: var(--s{n}); stroke: none; opacity: .16; }}"
    for n in range(5)
)

CSS = f"""
:root {{ --paper:#FBF8F3; --card:#F3EDE3; --ink:#26211B; --soft:#5C544A; --line:#E2D8C8; --grid:#E8E0D3;
  --accent:#9A4320; --faded:#8C8579; --s0:#B4532A; --s1:#2F6F73; --s2:#9A7A12; --s3:#5B5F97; --s4:#6E685D;
  color-scheme: light dark; }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ --paper:#191613; --card:#231F1B; --ink:#EFE8DD;
  --soft:#B8AFA2; --line:#3A342D; --grid:#322C26; --accent:#F0A177; --faded:#8C8579; --s0:#E07A45;
  --s1:#6FB3B0;
  --s2:#D9B84A; --s3:#9A9ED6; --s4:#A8A196; }} }}
* {{ box-sizing: border-box; }}
html {{ background: var(--paper); color: var(--ink); font: 17px/1.55 {SERIF}; -webkit-text-size-adjust:
  100%;
  overflow-wrap: anywhere; print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
body {{ margin: 0 auto; max-width: 46rem; padding: 3.5rem 1.5rem 5rem; }}
h1, h2, h3 {{ font-weight: 600; line-height: 1.15; text-wrap: balance; }}
h1 {{ font-size: clamp(2.9rem, 11vw, 4.6rem); letter-spacing: -.02em; margin: .1em 0 .15em; }}
h2 {{ font-size: 1.65rem; margin: 3.2rem 0 .7rem; break-after: avoid; }}
h3 {{ font-size: 1.05rem; margin: 0 0 .1rem; }}
p {{ margin: 0 0 .9rem; }}
.kicker, .why, dt, .who, .quiet, figcaption p, footer, .lights, .again {{ font-family: {SANS}; }}
.kicker {{ font-size: .78rem; letter-spacing: .04em; color: var(--accent); margin: 0; }}
.standfirst {{ font-size: 1.38rem; line-height: 1.4; color: var(--soft); font-style: italic; margin: 0 0
  1.6rem; }}
.quiet, footer {{ font-size: .8rem; line-height: 1.5; color: var(--soft); }}
#character > p:first-of-type {{ display: flow-root; }}
#character > p:first-of-type::first-letter {{ float: left; font-size: 3.5em; line-height: .82;
  padding: .06em .1em 0 0; color: var(--accent); }}
ol, ul {{ padding-left: 1.4em; margin: 0 0 1.2rem; }}
li {{ margin: 0 0 .35rem; padding-left: .25em; }}
li::marker {{ color: var(--accent); font-family: {SANS}; font-size: .8em; }}
dl {{ display: grid; grid-template-columns: minmax(6rem, 11rem) 1fr; gap: .35rem 1.2rem; margin: 0 0
  1.2rem; }}
dt {{ font-size: .8rem; color: var(--soft); padding-top: .18em; }}
dd {{ margin: 0; font-size: .95rem; }}
.talk {{ margin: 0 0 1.4rem; break-inside: avoid; }}
.why {{ font-size: .78rem; color: var(--accent); margin: 0 0 .25rem; }}
.asked {{ color: var(--soft); font-style: italic; margin: 0 0 .4rem; white-space: pre-wrap;
  unicode-bidi: isolate; }}
.answers {{ display: grid; gap: 1rem; grid-template-columns: 1fr; }}
.answers.two {{ grid-template-columns: 1fr 1fr; }}
.answers > div {{ background: var(--card); border-radius: .6rem; padding: .8rem 1rem; min-width: 0; }}
.who {{ font-size: .74rem; color: var(--soft); margin: 0 0 .2rem; }}
.said {{ margin: 0; font-size: .95rem; line-height: 1.5; white-space: pre-wrap; unicode-bidi: isolate; }}
figure {{ margin: 0 0 2rem; break-inside: avoid; min-width: 0; }}
figcaption {{ margin: 0 0 .6rem; }}
figcaption p {{ font-size: .82rem; line-height: 1.45; color: var(--soft); margin: 0; }}
svg {{ display: block; width: 100%; height: auto; overflow: visible; font-family: {SANS}; }}
svg.narrow {{ display: none; }}
svg text {{ fill: var(--ink); font-size: 13px; }}
svg .tick {{ fill: var(--soft); font-size: 12px; }}
svg .head {{ font-weight: 600; }}
svg .quiet {{ fill: var(--soft); font-size: 13px; }}
svg .grid {{ stroke: var(--grid); stroke-width: 1; }}
svg .nothing {{ stroke: var(--faded); stroke-width: 1; stroke-dasharray: 2 3; }}
svg .link {{ stroke: var(--line); stroke-width: 4; stroke-linecap: round; }}
svg .bar {{ stroke-width: 1.7; stroke-linecap: round; }}
svg .bar.thin {{ stroke-width: 1; opacity: .35; }}
svg .line {{ fill: none; stroke-width: 2; }}
svg .line.broken {{ stroke-dasharray: 4 3; }}
svg .faint {{ opacity: .5; }}
svg .o {{ fill: var(--paper); stroke-width: 2; }}
svg .tie {{ opacity: .45; }}
svg .f.ink {{ fill: var(--ink); stroke: none; }}
svg .bar.ink {{ stroke: var(--ink); }}
{_SERIES}
.curves {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 0 1.6rem; }}
.curves svg.wide {{ display: none; }} .curves svg.narrow {{ display: block; }}
.lights {{ list-style: none; padding: 0; font-size: .86rem; line-height: 1.45; }}
.lights li {{ display: grid; grid-template-columns: 5.6rem 1fr; gap: 0 .6rem; margin: 0 0 .45rem;
  padding: 0; }}
.lights b {{ font-weight: 600; }}
.fine b {{ color: var(--s1); }} .watch b {{ color: var(--s2); }} .worse b {{ color: var(--s0); }}
.unclear b {{ color: var(--soft); }}
pre {{ font: .78rem/1.6 ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; margin:
  0 0 1rem;
  white-space: pre-wrap; background: var(--card); border-radius: .6rem; padding: .8rem 1rem; }}
#caveats dd {{ font-size: .9rem; line-height: 1.5; }}
#settings dd {{ font-size: .84rem; font-family: {SANS}; }}
footer {{ margin-top: 3rem; }}
@media (max-width: 40rem) {{
  body {{ padding: 2rem 1.1rem 4rem; }}
  html {{ font-size: 16px; }}
  .standfirst {{ font-size: 1.2rem; }}
  .answers.two {{ grid-template-columns: 1fr; }}
  dl {{ grid-template-columns: 1fr; gap: 0; }} dd {{ margin: 0 0 .5rem; }}
  svg.wide {{ display: none; }} svg.narrow {{ display: block; }}
}}
@page {{ size: A4; margin: 13mm 16mm 14mm; }}
@media print {{
  html {{ font-size: 9pt; line-height: 1.38; background: #fff; --paper:#fff; --card:#F6F2EA; }}
  body {{ max-width: none; padding: 0; }}
  h1 {{ font-size: 34pt; }} .standfirst {{ font-size: 13pt; margin-bottom: 1rem; }}
  h2 {{ font-size: 14pt; margin: 1.25rem 0 .35rem; }}
  p {{ margin-bottom: .55rem; orphans: 3; widows: 3; }}
  li {{ margin-bottom: .15rem; }}
  .figures {{ display: grid; grid-template-columns: 1fr 1fr; gap: 0 8mm; align-items: start; }}
  .figures svg.wide {{ display: none; }} .figures svg.narrow {{ display: block; }}
  .figures.one {{ display: block; }}
  .figures.one svg.wide {{ display: block; }} .figures.one svg.narrow {{ display: none; }}
  .figures.one svg.wide {{ width: 74%; margin: 0 auto; }}
  .curves {{ grid-template-columns: 1fr 1fr; }}
  figure {{ margin-bottom: .7rem; }} figcaption {{ margin-bottom: .3rem; }}
  .talk {{ margin-bottom: .7rem; }} .answers.two {{ grid-template-columns: 1fr 1fr; gap: .6rem; }}
  .answers > div {{ padding: .45rem .65rem; }} .said {{ font-size: 8.4pt; line-height: 1.35; }}
  dl {{ grid-template-columns: 9rem 1fr; gap: .12rem 1rem; margin-bottom: .6rem; }}
  dd {{ margin: 0; }}
  .lights {{ columns: 2; column-gap: 8mm; }} .lights li {{ break-inside: avoid; }}
  footer {{ margin-top: 1.2rem; }}
}}
"""
