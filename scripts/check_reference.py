"""Check an exported folder and its report against PyTorch.

    python scripts/check_reference.py MODEL EXPORT REPORT.json [--texts DIR]

MODEL is the dense model's folder (Hugging Face layout), EXPORT what `prunelab prune MODEL --out EXPORT` wrote, REPORT
its report (EXPORT/pruning.json will do). Needs torch, transformers, numpy. The token windows come from DIR, as written by
`prunelab texts MODEL --out DIR`; without --texts that command is run here with the report's settings.

Checked: files and untouched bytes; zeros per matrix, layer and in total; K:M groups; that transformers opens the folder;
the masks (the choice is made anew, block by block, from the exported blocks before it); dense and pruned perplexity;
reconstruction errors. Prints relative differences; exits 1 when one is beyond its tolerance.
"""
import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts/fixtures"))
import reference as ref  # noqa: E402
from common import PRUNABLE, exact_modules, load_model  # noqa: E402

BITS = {"F32": np.uint32, "F16": np.uint16, "BF16": np.uint16}
NEAR_TIE = 1e-4  # relative score gap below which another device may choose the other weight
TEXT_NAMES = ("calibration", "select", "report")


class Findings:
    def __init__(self):
        self.failures = 0

    def say(self, ok: bool, text: str):
        self.failures += not ok
        print(f"{'ok  ' if ok else 'FAIL'} {text}")

    def near(self, what: str, got, wanted, tolerance: float, scale: float | None = None):
        """`got` is the report's, `wanted` PyTorch's; null means that the figure is not finite."""
        if got is None or wanted is None or not np.isfinite(wanted):
            self.say(got is None and not (wanted is not None and np.isfinite(wanted)), f"{what}: {got} against {wanted}")
            return
        difference = abs(got - wanted) / max(abs(wanted) if scale is None else scale, 1e-300)
        if got == wanted:
            difference = 0.0
        self.say(difference <= tolerance, f"{what}: {got:.10g} against {wanted:.10g}, relative difference {difference:.2e}")


def read_raw(folder: Path) -> dict[str, tuple[str, list[int], np.ndarray]]:
    """{tensor: (dtype, shape, bytes)} over the weight files of a folder, memory-mapped."""
    out, index = {}, folder / "model.safetensors.index.json"
    files = ["model.safetensors"]
    if index.exists():
        files = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    for file in files:
        data = np.memmap(folder / file, np.uint8, mode="r")
        start = 8 + int.from_bytes(data[:8].tobytes(), "little")
        for name, entry in json.loads(data[8:start].tobytes()).items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                out[name] = (entry["dtype"], entry["shape"], data[start + begin:start + end])
    return out


def prunable_names(layers: int) -> list[str]:
    return [f"model.layers.{i}.{m}.weight" for i in range(layers) for m in PRUNABLE]


def check_bytes(model: Path, export: Path, report: dict, found: Findings):
    before, after = read_raw(model), read_raw(export)
    found.say(list(before) == list(after), f"{len(after)} tensors, the same names in the same order")
    pruned = set(report["sparsity"]["matrices"])
    found.say(pruned == set(prunable_names(report["model"]["layers"])), f"{len(pruned)} matrices are reported")
    touched, changed = [], []
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        if old[:2] != new[:2]:
            found.say(False, f"{name}: {old[:2]} became {new[:2]}")
        elif name not in pruned:
            touched += [name] * (not np.array_equal(old[2], new[2]))
        else:
            a, b = old[2].view(BITS[old[0]]), new[2].view(BITS[new[0]])
            changed += [name] * bool(((a != b) & (b != 0)).any())
    found.say(not touched, f"tensors that are not pruned keep their bytes {touched[:3] or ''}")
    found.say(not changed, f"a weight is kept bit for bit or becomes +0 {changed[:3] or ''}")
    check_zeros(after, report, found)


def check_zeros(after: dict, report: dict, found: Findings):
    zeros, wrong = {}, []
    for name, said in report["sparsity"]["matrices"].items():
        dtype, shape, data = after[name]
        bits = data.view(BITS[dtype])
        zero = (bits & (np.iinfo(bits.dtype).max >> 1)) == 0  # +0 and -0
        zeros[name] = dict(zeros=int(zero.sum()), count=int(np.prod(shape)))
        wrong += [f"{name} {zeros[name]} reported {said}"] * (zeros[name] != said)
        keep, group = pattern_of(report)
        if group and (zero.reshape(-1, group).sum(1) < group - keep).any():
            wrong.append(f"{name}: a group of {group} keeps more than {keep}")
    found.say(not wrong, f"zeros per matrix {wrong[:3] or ''}")
    achieved, layers = ref.block_sparsity(zeros, report["model"]["layers"])
    found.near("achieved sparsity", report["sparsity"]["achieved"], achieved, 1e-12)
    worst = max(abs(a - b) for a, b in zip(layers, report["sparsity"]["layers"], strict=True))
    found.say(worst <= 1e-12, f"achieved sparsity per layer, largest difference {worst:.1e}")


def pattern_of(report: dict) -> tuple[int, int]:
    text = report["spec"].get("pattern", "free")
    return (0, 0) if text == "free" else tuple(map(int, text.split(":")))


def check_files(export: Path, found: Findings):
    path = export / "pruning.json"
    if not path.exists():
        return found.say(False, "pruning.json is missing")
    files = json.loads(path.read_text("utf-8"))["files"]
    wrong = [n for n, digest in files.items() if hashlib.sha256((export / n).read_bytes()).hexdigest() != digest]
    stray = sorted(p.name for p in export.iterdir() if p.name not in files and p.name != "pruning.json")
    found.say(not wrong and not stray, f"{len(files)} file hashes {wrong or ''} {('not listed', stray) if stray else ''}")


def read_texts(folder: Path, report: dict, found: Findings) -> dict[str, list[list[int]]]:
    out = {}
    for name in TEXT_NAMES:
        path = folder / f"{name}.json"
        if not path.exists():
            continue
        out[name] = json.loads(path.read_text("utf-8"))["windows"]
        digest = hashlib.sha256(np.concatenate(out[name]).astype("<u4").tobytes()).hexdigest()
        found.say(digest == report["texts"][name]["sha256"], f"{name} text: {len(out[name])} windows, ids as in the report")
    return out


def write_texts(model: Path, spec: dict, folder: Path):
    flags = ["--samples", spec["samples"], "--windows", spec["windows"], "--seed", spec["seed"]]
    if spec.get("window") is not None:
        flags += ["--window", spec["window"]]
    if set(spec["texts"].values()) != {"bundled"}:
        raise SystemExit("The report was made with other texts than the bundled ones: give --texts DIR.")
    command = ["node", str(ROOT / "bin/prunelab.js"), "texts", str(model), "--out", str(folder), *map(str, flags)]
    subprocess.run(command, check=True)


def rate(report: dict, name: str, layer: int) -> float:
    by_hand = report["spec"].get("layerSparsity")
    return by_hand[name] if isinstance(by_hand, dict) else report["allocation"]["sparsity"][layer]


def distance_to_choice(metric: np.ndarray, other: np.ndarray, unit: str, keep_group: tuple[int, int], at) -> float:
    """Relative distance from the score at `at` to the nearest score on the other side of the choice there."""
    row, column = at
    group = keep_group[1]
    if group:
        begin = column - column % group
        window = np.s_[row, begin:begin + group]
    else:
        window = np.s_[:] if unit == "matrix" else np.s_[row]
    rivals = metric[window][other[window] != other[at]]
    return float(np.abs(rivals - metric[at]).min() / max(metric[at], 1e-38)) if rivals.size else np.inf


@torch.no_grad()
def check_masks(dense, pruned, windows, report: dict, found: Findings):
    """Each block's choice made anew from the inputs that the exported blocks before it give."""
    spec, pruner = report["spec"], report["spec"]["pruner"]
    if pruner not in ("wanda", "magnitude"):
        return print(f"     masks of {pruner} are not checked")
    unit, pattern = ("row" if pruner == "wanda" else "matrix"), spec.get("pattern", "free")
    exact_budget = bool(spec.get("set", {}).get("exactBudget", False))
    streams = [ref.embed(dense, part) for part in ref.batches(windows, 8)] if pruner == "wanda" else []
    differing = choices = 0
    widest = 0.0
    for i, (layer, cut) in enumerate(zip(dense.model.layers, pruned.model.layers, strict=True)):
        norms = ref.block_norms(dense, layer, streams) if streams else {}
        for matrix in PRUNABLE:
            weight = layer.get_submodule(matrix).weight.float().numpy()
            metric = ref.scores(weight, norms.get(ref.SOURCE[matrix]))
            wanted = ref.dropped(metric, unit, rate(report, f"model.layers.{i}.{matrix}.weight", i), pattern, exact_budget)
            got = cut.get_submodule(matrix).weight.numpy() == 0
            unlike = np.argwhere((wanted != got) & (weight != 0))
            differing, choices = differing + len(unlike), choices + weight.size
            for at in map(tuple, unlike[:1000]):
                widest = max(widest, distance_to_choice(metric, wanted, unit, pattern_of(report), at))
        streams = [ref.run_block(dense, cut if spec.get("stats", "exact") == "exact" else layer, x) for x in streams]
    found.say(differing <= choices / 10000 and widest < NEAR_TIE,
              f"masks: {differing} of {choices} choices differ, widest relative score gap among them {widest:.1e}")


def check_perplexity(dense, pruned, windows, report: dict, tolerance: float, found: Findings):
    said = report["perplexity"]
    for name, model in (("dense", dense), ("pruned", pruned)):
        means = ref.losses(model, windows, batch=1)
        found.near(f"{name} perplexity on the report text", said[name], ref.perplexity(means), tolerance)
        if said.get("losses", {}).get(name):
            worst = max(abs(a - b) for a, b in zip(said["losses"][name], means, strict=True))
            found.say(worst <= 10 * tolerance, f"  loss per window, largest difference {worst:.1e} nats")


def check_errors(dense, pruned, texts: dict, report: dict, tolerance: float, found: Findings):
    said = report["errors"]
    sums = ref.reconstruction_errors(dense, pruned, texts[said["text"]], batch=4)
    tokens = sum(len(ids) for ids in texts[said["text"]])
    found.say(tokens == said["tokens"], f"errors on the {said['text']} text, {tokens} tokens, {said['kind']}")
    for i, (row, wanted) in enumerate(zip(said["layers"], sums, strict=True)):
        for name, value in wanted.items():
            # The cross term may be close to zero: it is judged on the scale of the two terms beside it.
            scale = (wanted["inPlace"] + wanted["inherited"]) if name == "cross" else None
            if name == "inherited" and i == 0 or name == "cross" and i == 0:
                found.say(row[name] in (0, None), f"layer 1 {name}: {row[name]}")
            elif row[name] is not None or name in ("cumulative", "dense"):
                found.near(f"layer {i + 1} {name}", row[name], value, tolerance, scale)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("export", type=Path)
    parser.add_argument("report", type=Path)
    parser.add_argument("--texts", type=Path, help="folder with calibration.json, select.json, report.json")
    parser.add_argument("--dtype", choices=["float64", "float32"], default="float64", help="PyTorch's precision")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="relative, for perplexity")
    parser.add_argument("--error-tolerance", type=float, default=1e-3, help="relative, for reconstruction errors")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report, found = json.loads(options.report.read_text("utf-8")), Findings()
    check_files(options.export, found)
    check_bytes(options.model, options.export, report, found)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.texts or Path(temporary) / "texts"
        if options.texts is None:
            write_texts(options.model, report["spec"], folder)
        texts = read_texts(folder, report, found)
    with exact_modules():
        dtype = getattr(torch, options.dtype)
        dense, pruned = (load_model(f, dtype).requires_grad_(False) for f in (options.model, options.export))
        print("ok   transformers opens both folders")
        check_masks(dense, pruned, texts["calibration"], report, found)
        check_perplexity(dense, pruned, texts["report"], report, options.tolerance, found)
        check_errors(dense, pruned, texts, report, options.error_tolerance, found)
    print(f"{found.failures} differences" if found.failures else "all within tolerance")
    sys.exit(1 if found.failures else 0)


if __name__ == "__main__":
    main()
