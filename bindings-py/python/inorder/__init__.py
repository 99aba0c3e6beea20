"""Run async work concurrently, get it back in order."""

from inorder._inorder import version

__all__ = ["version"]
