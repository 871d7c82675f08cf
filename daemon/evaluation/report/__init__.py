"""From stored results to one page for people: pure functions; jinja2 and matplotlib are used here alone."""
