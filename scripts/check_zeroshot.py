"""Proof of `prunelab zeroshot --mode harness` against lm-evaluation-harness, run by hand.

    pip install lm_eval==0.4.13 torch transformers accelerate
    python scripts/check_zeroshot.py MODEL [--bos] [--cloze N] [--out RESULT.json]

MODEL is a folder in Hugging Face layout. Local files of JSON lines in the data sets' own fields (a few sentences of each
kind, and the first N items of the bundled cloze set) are scored by both programs in float32: the same prompts are made
twice, here by the harness's own task definitions. Fails unless every log-likelihood agrees within 1e-4 for each token of
its continuation and every acc and acc_norm is the same. --bos works on a copy whose tokenizer puts its end-of-text token
in front of every text.
"""
import argparse, importlib.metadata, json, shutil, subprocess, sys, tempfile
from pathlib import Path

import datasets
import lm_eval
import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks.hellaswag.utils import process_docs as hellaswag_docs
from lm_eval.tasks.winogrande import preprocess_winogrande as winogrande
from tokenizers import Tokenizer, processors
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 1e-4  # nats for each token of a continuation

DOCUMENTS = {
    "boolq": [
        {"passage": "The sperm whale is the largest of the toothed whales. It dives deep for squid.", "question": "is the sperm whale a toothed whale", "label": 1},
        {"passage": "A harpoon is thrown by hand. Later it was shot from a gun.", "question": "was the harpoon always shot from a gun", "label": 0},
        {"passage": "Sailors keep watch for four hours at a time; the day has six watches — and two “dog” watches.", "question": "does a watch last six hours", "label": 0},
    ],
    "rte": [
        {"sentence1": "The ship sailed from Nantucket on Christmas day.", "sentence2": "The ship left Nantucket.", "label": 0},
        {"sentence1": "The old captain lost a leg to the whale.", "sentence2": "The captain was never hurt.", "label": 1},
    ],
    "hellaswag": [
        {"activity_label": "Baking bread", "ctx_a": "[header] How to bake bread [title] Mix the dough.", "ctx_b": "the Baker", "endings": ["kneads the dough. [step] Then it rests.", "throws the  oven away.", "swims across the sea.", "is a loaf."], "label": "0"},
        {"activity_label": "Sailing", "ctx_a": "A man stands in a small boat.", "ctx_b": "he", "endings": ["pulls the rope and the sail fills.", "eats the mast.", "sleeps under the desert.", "paints a wall blue."], "label": "0"},
    ],
    "winogrande": [
        {"sentence": "The trophy did not fit in the case because the _ was too large.", "option1": "trophy", "option2": "case", "answer": "1"},
        {"sentence": "Ann thanked Bea for the help that _ had given.", "option1": "Ann", "option2": "Bea", "answer": "2"},
    ],
    "arc_easy": [
        {"question": "Which of these gives light by itself?", "choices": {"text": ["the moon", "the sun", "a mirror", "a window"], "label": ["A", "B", "C", "D"]}, "answerKey": "B"},
        {"question": "What do plants take from the air?", "choices": {"text": ["iron", "sand", "carbon dioxide"], "label": ["1", "2", "3"]}, "answerKey": "3"},
    ],
    "openbookqa": [
        {"question_stem": "A magnet will pull", "choices": {"text": ["a wooden spoon", "an iron nail", "a glass of water", "a feather"], "label": ["A", "B", "C", "D"]}, "answerKey": "B"},
    ],
    "piqa": [
        {"goal": "To open a jar that is stuck,", "sol1": "hold the lid under hot water, then turn it.", "sol2": "put the jar into a locked box.", "label": 0},
        {"goal": "Dry a wet book", "sol1": "bury it in wet sand", "sol2": "stand it open near a fan", "label": 1},
    ],
}

QUESTION = "Question: {{question}}\nAnswer:"
BOTH = [{"metric": "acc"}, {"metric": "acc_norm"}]
ONE = [{"metric": "acc"}]
# As lm_eval/tasks has them, but for where the documents come from.
TASKS = {
    "cloze": dict(doc_to_text="{{context}}", doc_to_choice="{{options}}", doc_to_target="{{gold}}", metric_list=BOTH),
    "boolq": dict(doc_to_text="{{passage}}\nQuestion: {{question}}?\nAnswer:", doc_to_choice=["no", "yes"], doc_to_target="label", metric_list=ONE),
    "rte": dict(doc_to_text="{{sentence1}}\nQuestion: {{sentence2}} True or False?\nAnswer:", doc_to_choice=["True", "False"], doc_to_target="label", metric_list=ONE),
    "hellaswag": dict(process_docs=hellaswag_docs, doc_to_text="{{query}}", doc_to_choice="choices", doc_to_target="{{label}}", metric_list=BOTH),
    "winogrande": dict(doc_to_text=winogrande.doc_to_text, doc_to_choice=winogrande.doc_to_choice, doc_to_target=winogrande.doc_to_target, metric_list=ONE),
    "arc_easy": dict(doc_to_text=QUESTION, doc_to_choice="{{choices.text}}", doc_to_target="{{choices.label.index(answerKey)}}", metric_list=BOTH),
    "openbookqa": dict(doc_to_text="question_stem", doc_to_choice="{{choices.text}}", doc_to_target="{{choices.label.index(answerKey.lstrip())}}", metric_list=BOTH),
    "piqa": dict(doc_to_text="Question: {{goal}}\nAnswer:", doc_to_choice="{{[sol1, sol2]}}", doc_to_target="label", metric_list=BOTH),
}


def prunelab(*arguments: str) -> None:
    subprocess.run(["node", str(ROOT / "bin/prunelab.js"), *arguments, "--quiet"], check=True, stdout=subprocess.DEVNULL)


def with_bos(model: Path, folder: Path) -> Path:
    """A copy whose tokenizer adds a token in front, as those of LLaMA do."""
    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("expected.safetensors", "tokenizer_config.json"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    token = "<|endoftext|>"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A {token} $B", special_tokens=[(token, tokenizer.token_to_id(token))])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": token, "eos_token": token}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def harness(model: Path, files: dict[str, Path]) -> dict:
    lm = HFLM(
        pretrained=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval(),
        tokenizer=AutoTokenizer.from_pretrained(model), batch_size=1, device="cpu")
    tasks = [
        dict(task=f"local_{name}", dataset_path="json", dataset_kwargs={"data_files": {"validation": str(path)}},
             validation_split="validation", output_type="multiple_choice", num_fewshot=0, **TASKS[name])
        for name, path in files.items()
    ]
    return lm_eval.simple_evaluate(model=lm, tasks=tasks, log_samples=True, bootstrap_iters=0)


def compare(record: dict, found: dict) -> tuple[list[dict], bool]:
    rows, good = [], True
    for task in record["tasks"]:
        name = f"local_{task['task']}"
        samples = sorted(found["samples"][name], key=lambda s: s["doc_id"])
        assert len(samples) == len(task["items"]), name
        worst, options = 0.0, 0
        for sample, item in zip(samples, task["items"]):
            theirs = [float(r[0][0] if isinstance(r[0], (list, tuple)) else r[0]) for r in sample["resps"]]
            assert len(theirs) == len(item["dense"]), name
            for a, b, tokens in zip(theirs, item["dense"], item["tokens"]):
                worst = max(worst, abs(a - b) / tokens)
                options += 1
        results = found["results"][name]
        pairs = {"acc": (task["dense"]["acc"]["mean"], results["acc,none"])}
        if "acc_norm,none" in results:
            pairs["acc_norm"] = (task["dense"]["accNorm"]["mean"], results["acc_norm,none"])
        same = all(abs(a - b) < 1e-12 for a, b in pairs.values())
        good = good and same and worst < TOLERANCE
        rows.append({"task": task["task"], "items": len(samples), "options": options, "worstPerToken": worst,
                     **{metric: {"prunelab": a, "lm_eval": b} for metric, (a, b) in pairs.items()}})
    return rows, good


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--bos", action="store_true")
    parser.add_argument("--cloze", type=int, default=20)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        model = with_bos(options.model, folder / "model") if options.bos else options.model
        prunelab("texts", str(model), "--window", "32", "--out", str(folder / "texts"))
        cloze = (folder / "texts/cloze.jsonl").read_text().splitlines()[: options.cloze]
        files = {}
        for name, lines in {"cloze": cloze, **{n: [json.dumps(d) for d in ds] for n, ds in DOCUMENTS.items()}}.items():
            files[name] = folder / f"{name}.jsonl"
            files[name].write_text("\n".join(lines) + "\n")
        given = ",".join(f"{name}={path}" for name, path in files.items())
        prunelab("zeroshot", str(model), "--tasks", given, "--mode", "harness", "--items", "--json", str(folder / "record.json"))
        record = json.loads((folder / "record.json").read_text())
        rows, good = compare(record, harness(model, files))
    result = {
        "model": options.model.name + (" with a token in front of every text" if options.bos else ""),
        "sha256": record["model"]["sha256"],
        "tokenizerAddsSpecials": record["tokenizerAddsSpecials"],
        "tolerancePerToken": TOLERANCE,
        "agrees": good,
        "tasks": rows,
        "device": record["device"]["description"],
        "versions": {n: importlib.metadata.version(n) for n in ("lm_eval", "torch", "transformers", "tokenizers", "datasets")},
        "prunelab": record["version"],
    }
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
