"""Matplotlib with its font cache in robocell's home folder. Ours import it from here only; a test holds that.

Left to itself it writes into the user's cache folder, and the user's own settings of it would change the figures.
"""

from __future__ import annotations

import os

from robocell_controller.trust.home import home

if not os.environ.get("MPLCONFIGDIR"):
    os.environ["MPLCONFIGDIR"] = str(home() / "matplotlib")

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator, PercentFormatter

__all__ = ["Axes", "Figure", "FuncFormatter", "Line2D", "NullLocator", "PercentFormatter", "mpl"]
