"""What the pages of creators, their earnings and their organizations show."""

from onlyfans.panels.creators import creators_panel
from onlyfans.panels.months import months_panel, versions_panel
from onlyfans.panels.pulls import pulls_panel

__all__ = ["creators_panel", "months_panel", "pulls_panel", "versions_panel"]
