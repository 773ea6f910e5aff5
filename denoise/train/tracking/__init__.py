"""Dashboards of runs: copies of what stands in the run folder, which is the truth.

Every dashboard shows a run by the lines of its metrics.jsonl, a point a step, with tokens along the x axis. When a run
goes on, a dashboard is given the points of the folder that it lacks, so that whatever was killed or out of reach, every
point arrives, and arrives once.
"""
