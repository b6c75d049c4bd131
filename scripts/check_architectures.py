"""Prune a checkpoint of any architecture with the command line and check the export against PyTorch.

    python scripts/check_architectures.py [--pruner wanda|magnitude] [FOLDER ...]

For each model folder (default: every tiny checkpoint in src/testing/fixtures) Wanda is run with exact statistics, and
magnitude. The masks are made anew from the inputs that the exported blocks before each block give; the six error sums
and both perplexities are computed by transformers in f64; tensors that are not pruned must keep their bytes. Nothing in
here knows an architecture. `npm run fidelity` has the same checkpoints with dense statistics, where masks compare end to
end. Needs torch, transformers, numpy. Exits 1 on any difference beyond tolerance.
"""
import argparse
import copy
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts/fixtures"))
import reference as ref  # noqa: E402
from common import decoder_layers, exact_modules, load_model  # noqa: E402
from fidelity_pruned import by_output, in_file, judge, linears  # noqa: E402
from lab import Lab  # noqa: E402

RATES = ["--sparsity", 0.55, "--beta", 0.05]
TEXTS = ["--samples", 3, "--windows", 3, "--window", 18]


def first(output) -> torch.Tensor:
    return output[0] if isinstance(output, tuple) else output


@torch.no_grad()
def listen(model, windows, modules: dict, use):
    """Runs every window; `use(key, args, kwargs, output)` sees each call of `modules`."""
    hooks = [m.register_forward_hook(lambda _m, a, k, o, key=key: use(key, a, k, o), with_kwargs=True)
             for key, m in modules.items()]
    for window in windows:
        model(input_ids=torch.tensor([window]), use_cache=False)
    for hook in hooks:
        hook.remove()


def check_masks(dense, pruned, windows, report: dict, found: judge.Findings):
    unit = "row" if report["spec"]["pruner"] == "wanda" else "matrix"
    walker = copy.deepcopy(dense)  # becomes the exported model, block by block
    blocks = zip(decoder_layers(walker), linears(walker), decoder_layers(pruned), linears(pruned), strict=True)
    differing, choices, widest = 0, 0, 0.0
    for i, (block, names, exported, cut) in enumerate(blocks):
        energy = dict.fromkeys(names, 0.0)

        def add(name, args, _kwargs, _output):
            energy[name] = energy[name] + args[0].reshape(-1, args[0].shape[-1]).pow(2).sum(0)

        if unit == "row":
            listen(walker, windows, names, add)
        for name, module in names.items():
            weight, got = by_output(module), by_output(cut[name]) == 0
            norms = np.sqrt((energy[name] / len(windows)).numpy()).astype(np.float32) if unit == "row" else None
            metric = ref.scores(weight, norms)
            wanted = ref.dropped(metric, unit, report["allocation"]["sparsity"][i], "free")
            unlike = np.argwhere((wanted != got) & (weight != 0))
            differing, choices = differing + len(unlike), choices + weight.size
            for at in map(tuple, unlike):
                widest = max(widest, judge.distance_to_choice(metric, wanted, unit, (0, 0), at))
            if in_file(name, report["sparsity"]["matrices"]) is None:
                found.say(False, f"{name} was not pruned")
        block.load_state_dict(exported.state_dict())
    found.say(differing <= choices / 10000 and widest < judge.NEAR_TIE, f"masks {differing} of {choices} differ")


@torch.no_grad()
def check_errors(dense, pruned, windows, report: dict, found: judge.Findings):
    calls: dict[tuple, list] = {}

    def keep(key, args, kwargs, output):
        calls.setdefault(key, []).append((args, kwargs, first(output)))

    pairs = list(zip(decoder_layers(dense), decoder_layers(pruned), strict=True))
    listen(dense, windows, {("dense", i): d for i, (d, _) in enumerate(pairs)}, keep)
    listen(pruned, windows, {("pruned", i): p for i, (_, p) in enumerate(pairs)}, keep)
    worst = 0.0
    for i, (d, p) in enumerate(pairs):
        sums = dict.fromkeys(["local", "inPlace", "inherited", "cumulative", "cross", "dense"], 0.0)
        for (args, kwargs, b), (damaged, damaged_kwargs, a) in zip(calls["dense", i], calls["pruned", i], strict=True):
            mixed, local = first(d(*damaged, **damaged_kwargs)), first(p(*args, **kwargs))
            for name, x, y in (("local", local, b), ("inPlace", a, mixed), ("inherited", mixed, b), ("cumulative", a, b)):
                sums[name] += (x - y).pow(2).sum().item()
            sums["cross"] += ((a - mixed) * (mixed - b)).sum().item()
            sums["dense"] += b.pow(2).sum().item()
        for name, value in sums.items():
            scale = sums["cumulative"] if name in ("cross", "inherited") else value
            worst = max(worst, abs(report["errors"]["layers"][i][name] - value) / max(scale, 1e-30))
    found.say(worst < 5e-3, f"errors, largest difference {worst:.0e}")


def check_parts(report: dict, found: judge.Findings):
    for name, parts in report["sparsity"].get("parts", {}).items():
        whole = report["sparsity"]["matrices"][name]
        if any(sum(p[k] for p in parts.values()) != whole[k] for k in ("zeros", "count")):
            found.say(False, f"the parts of {name} are not the whole")


def check(folder: Path, pruner: str, lab: Lab) -> bool:
    found = judge.Findings()
    print(f"{folder.name} {pruner}", flush=True)
    with tempfile.TemporaryDirectory() as temporary, exact_modules():
        out, texts = Path(temporary) / "out", Path(temporary) / "texts"
        lab.run("texts", folder, "--out", texts, *TEXTS, gpu=False)
        report = lab.json("prune", folder, "--out", out, "--pruner", pruner, *RATES, *TEXTS)
        lab.run("verify", out, gpu=False)
        before, after = judge.read_raw(folder), judge.read_raw(out)
        kept = before.keys() - report["sparsity"]["matrices"].keys()
        same = all(before[n][:2] == after[n][:2] and np.array_equal(before[n][2], after[n][2]) for n in kept)
        found.say(list(before) == list(after) and same, f"{len(before)} tensors, {len(kept)} untouched")
        judge.check_zeros(after, report, found)
        check_parts(report, found)
        windows = judge.read_texts(texts, report, found)
        dense, pruned = (load_model(f, attention="eager").requires_grad_(False) for f in (folder, out))
        judge.check_perplexity(dense, pruned, windows["report"], report, 1e-3, found)
        check_errors(dense, pruned, windows["calibration"], report, found)
        check_masks(dense, pruned, windows["calibration"], report, found)
    return found.failures == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--pruner", choices=["wanda", "magnitude"])
    options = parser.parse_args()
    torch.set_num_threads(2)
    fixtures = sorted({p.parent for p in (ROOT / "src/testing/fixtures").glob("*/model*.safetensors")})
    pruners = [options.pruner] if options.pruner else ["wanda", "magnitude"]
    results = [check(f, p, Lab()) for f in options.folders or fixtures for p in pruners]
    print(f"{results.count(False)} of {len(results)} runs differ" if not all(results) else f"all {len(results)} runs agree")
    sys.exit(0 if all(results) else 1)
