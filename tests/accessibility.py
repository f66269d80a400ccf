"""Checks of the page as it is shown: by axe-core, and whether it fits the window."""

import json
from importlib.resources import files

from playwright.sync_api import Page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()


def require_accessible(page: Page, *rules: str) -> None:
    """Check the page as it is now by axe-core: by these rules, or by all."""
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(AXE)
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = page.evaluate("(options) => axe.run(options)", options)
    wrong = [
        {"rule": rule["id"], "where": [node["html"] for node in rule["nodes"]]}
        for rule in found["violations"]
    ]
    assert not wrong, json.dumps(wrong, indent=1)


def require_fitting(page: Page) -> None:
    """Check that nothing is wider than the window, and no text is cut off without an ellipsis."""
    width, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= window
    beyond = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((element) => {
          const { left, right, width } = element.getBoundingClientRect();
          return width > 1 && (left < -0.5 || right > innerWidth + 0.5);
        }).map((element) => element.outerHTML.slice(0, 100))"""
    )
    assert beyond == [], beyond
    spilling = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter(
          (element) => element.clientWidth > 1 && element.scrollWidth > element.clientWidth + 1
            && getComputedStyle(element).textOverflow !== "ellipsis"
        ).map((element) => element.outerHTML.slice(0, 100))"""
    )
    assert spilling == [], spilling
