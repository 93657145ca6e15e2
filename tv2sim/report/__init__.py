"""A comparison as one HTML file that needs nothing else: no network, no script, no other file.

:mod:`tv2sim.report.build` makes it. Nothing is imported here, because its words (``text``) are used
without the charts as well.
"""
