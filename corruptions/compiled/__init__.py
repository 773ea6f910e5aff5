"""The compiled twin of the corruptions: the same draws in the same order, a whole batch in one loop.

What each function does is explained where its plain twin is; here stands only what speed asks for.
"""
