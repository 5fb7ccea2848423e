"""The admin site."""

from unfold.sites import UnfoldAdminSite


class HuntazeAdminSite(UnfoldAdminSite):
    """The back office: where staff watch, explain, rerun and correct."""

    index_title = "Today"
    enable_nav_sidebar = True
