"""Two tasks of FewCLUE, in Chinese, with label words in Chinese."""

from __future__ import annotations

from denoise.transfer.tasks.sentences import Sentences

_HOME = "github.com/CLUEbenchmark/FewCLUE"
_TOPICS = {
    "100": "故事",
    "101": "文化",
    "102": "娱乐",
    "103": "体育",
    "104": "财经",
    "106": "房产",
    "107": "汽车",
    "108": "教育",
    "109": "科技",
    "110": "军事",
    "112": "旅游",
    "113": "国际",
    "114": "股票",
    "115": "农业",
    "116": "电竞",
}
"""The words of label_index2en2zh.json beside the data."""

EPRSTMT = Sentences(
    name="eprstmt",
    title="EPRSTMT",
    labels=("负面", "正面"),
    scored_on="test",
    language="zh",
    files={
        "train": "clue/eprstmt/train_few_all.json",
        "dev": "clue/eprstmt/dev_few_all.json",
        "test": "clue/eprstmt/test_public.json",
    },
    words={"Negative": "负面", "Positive": "正面"},
    split_note="trained on train_few_all, all five of FewCLUE's small sets together; scored on test_public",
    home=_HOME,
)
TNEWS = Sentences(
    name="tnews",
    title="TNEWS",
    labels=tuple(_TOPICS.values()),
    scored_on="test",
    language="zh",
    files={
        "train": "clue/tnews/train_few_all.json",
        "dev": "clue/tnews/dev_few_all.json",
        "test": "clue/tnews/test_public.json",
    },
    words=_TOPICS,
    split_note="trained on train_few_all, all five of FewCLUE's small sets together; scored on test_public",
    home=_HOME,
)
