"""The product's settings with the addresses of `benchmarks.bare`."""

from huntaze.settings import *  # noqa: F403 - settings are read as a module's names

ROOT_URLCONF = "benchmarks.bare"
