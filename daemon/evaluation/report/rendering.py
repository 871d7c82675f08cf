"""The page as HTML and as Markdown. The only user of jinja2.

The HTML is one file that needs nothing else: styles and pictures are inside, there is no script, and its policy allows
no request. All text from models and files is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

import jinja2
from markupsafe import Markup

from config.safe_text import safe_text
from daemon.evaluation.report.page import Chart, Page
from daemon.evaluation.report.plots import DARK, LIGHT, svg_of

TEMPLATES = files("daemon.evaluation.report") / "templates"
#: By this line a file is known as a report of ours, which may be written again.
HTML_MARK, MARKDOWN_MARK = '<meta name="generator" content="smolwatch report">', "<!-- smolwatch report -->"
MARKUP = re.compile(r"[\\`*_\[\]<>|#&~$@!]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def to_html(page: Page) -> str:
    style = template_text("report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else safe_text(str(value), lines=True),
    )
    environment.filters |= {
        "light": lambda chart: picture(chart, dark=False),
        "dark": lambda chart: picture(chart, dark=True),
    }
    template = environment.from_string(template_text("report.html"))
    return template.render(page=page, mark=Markup(HTML_MARK), style=Markup(style), style_digest=digest)


def picture(chart: Chart, *, dark: bool) -> str:
    """A data: URI."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg_of(chart, DARK if dark else LIGHT)).decode()}"


def to_markdown(page: Page) -> str:
    environment = jinja2.Environment(
        autoescape=False,  # what Markdown reads as markup is escaped instead, in every value
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else escape_markdown(str(value)),
    )
    environment.filters["markup"] = Markup  # of a macro: its values are escaped already
    template = environment.from_string(template_text("report.md"))
    text = template.render(page=page, mark=Markup(MARKDOWN_MARK))
    return re.sub(r"\n{3,}", "\n\n", text)


def escape_markdown(text: str) -> str:
    """In one line, as plain text: also within the cell of a table."""
    return MARKUP.sub(lambda found: f"\\{found[0]}", safe_text(" ".join(text.split())))


def template_text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def is_html_report(content: bytes) -> bool:
    return HTML_MARK.encode() in content[:2000]


def is_markdown_report(content: bytes) -> bool:
    return content.startswith(MARKDOWN_MARK.encode())
