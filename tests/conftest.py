"""Shared by all tests; that this file is here puts ``tests`` on the path, so that they find ``worlds``."""
