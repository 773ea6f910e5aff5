"""Labelled tasks as text to text: a question in, an answer out, and how right it is; no torch."""

from denoise.transfer.tasks.hub import Hub
from denoise.transfer.tasks.passages import Passages
from denoise.transfer.tasks.sentences import Scored, Sentences
from denoise.transfer.tasks.tagging import Tagging
from denoise.transfer.tasks.task import BadTask, Question, Slot, Split, Task

__all__ = ["BadTask", "Hub", "Passages", "Question", "Scored", "Sentences", "Slot", "Split", "Tagging", "Task"]
