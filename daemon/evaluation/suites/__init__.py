"""Suites of test cases as data: TOML files beside small media. A folder of a person's own has the same form."""
