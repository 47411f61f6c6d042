"""The sign-in page: one small form that needs no script and loads nothing. Pure."""

from __future__ import annotations

import html

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Character Studio</title>
<style>
:root{{
  color-scheme:light dark; --paper:#FBF8F3; --card:#FFFDFA; --ink:#26211B; --line:#E2D8C8;
  --quiet:#6B6257; --accent:#A84A24; --on:#FFF; --bad:#A3261B;
}}
@media (prefers-color-scheme:dark){{:root{{
  --paper:#191613; --card:#231F1B; --ink:#EFE8DD; --line:#4A433B;
  --quiet:#B5AB9D; --accent:#E07A45; --on:#191613; --bad:#FF9A8B;
}}}}
*{{box-sizing:border-box}}
body{{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);
  color:var(--ink);font:16px/1.5 Inter,'Source Sans',system-ui,sans-serif}}
main{{width:min(24rem,calc(100vw - 2rem));background:var(--card);border:1px solid var(--line);
  border-radius:.8rem;padding:2rem}}
h1{{font:600 1.6rem/1.2 'Source Serif',Georgia,serif;margin:0 0 .25rem}}
p{{margin:0 0 1.25rem;color:var(--quiet)}}
label{{display:block;margin:0 0 1rem;font-size:.9rem}}
input{{display:block;width:100%;margin-top:.3rem;padding:.6rem .75rem;font:inherit;color:inherit;
  background:var(--paper);border:1px solid var(--line);border-radius:.6rem}}
input:focus-visible,button:focus-visible{{outline:2px solid var(--accent);outline-offset:2px}}
button{{width:100%;padding:.65rem;border:0;border-radius:2rem;background:var(--accent);
  color:var(--on);font:inherit;font-weight:600;cursor:pointer}}
.bad{{color:var(--bad);font-weight:600}}
</style>
</head>
<body><main>
<h1>Character Studio</h1>
<p>Your team's studio. Sign in to go on.</p>
{error}
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="{next}">
<label>Name
<input name="name" value="{name}" autocomplete="username" required maxlength="60" {focus_name}></label>
<label>Password
<input name="password" type="password" autocomplete="current-password" required maxlength="256"
 {focus_password}></label>
<button>Sign in</button>
</form>
</main></body>
</html>"""


def sign_in_page(*, goes_to: str, name: str = "", error: str = "") -> str:
    """The page as HTML; everything that came from outside is escaped."""
    told = f'<p class="bad" role="alert">{html.escape(error)}</p>' if error else ""
    return PAGE.format(
        error=told,
        next=html.escape(goes_to, quote=True),
        name=html.escape(name, quote=True),
        focus_name="" if name else "autofocus",
        focus_password="autofocus" if name else "",
    )


def safe_next(path: str) -> str:
    """A path of this studio to go on to; anything that could lead elsewhere becomes the first page."""
    leads_here = path.startswith("/") and not path.startswith(("//", "/\\", "/sign-"))
    return path if leads_here and path.isprintable() and "\\" not in path else "/"
