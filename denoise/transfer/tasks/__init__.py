"""Labelled tasks as text to text: a question in, an answer out, and how right it is; no torch."""

from denoise.transfer.tasks.task import BadTask, Question, Slot, Split, Task

__all__ = ["BadTask", "Question", "Slot", "Split", "Task"]
