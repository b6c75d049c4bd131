"""SparseGPT of llm-compressor beside the expected results that the engine's tests hold it to.

    pip install --no-deps llmcompressor loguru     (beside torch, transformers, safetensors; only one file of it is run)
    python scripts/handover/sparsegpt.py

On the matrices of src/testing/fixtures/solvers and from the same Hessians. llm-compressor computes in float32, the engine in
float64, so that masks may differ where two scores nearly tie, and what follows from there differs too. Exits 1 when more
than 1 in 1000 bits differ or an error is off by more than 0.1 %.
"""
import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "src/testing/fixtures/solvers"


def sparsify_weight():
    """The function alone: importing the package would ask for all that it is pinned to."""
    package = importlib.util.find_spec("llmcompressor")
    if package is None:
        sys.exit("llmcompressor is not installed.")
    path = Path(package.submodule_search_locations[0]) / "modifiers/pruning/sparsegpt/sgpt_sparsify.py"
    spec = importlib.util.spec_from_file_location("sgpt_sparsify", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.sparsify_weight


def main():
    solve = sparsify_weight()
    expected = json.loads((FOLDER / "expected.json").read_text())
    stored, results = (load_file(FOLDER / f"{name}.safetensors") for name in ("statistics", "results"))
    model = load_file(ROOT / "public/models/demo/model.safetensors")
    print(f"llmcompressor {importlib.metadata.version('llmcompressor')}, torch {torch.__version__}")
    good = True
    for i, case in enumerate(expected["cases"]):
        if case["pruner"] != "sparsegpt" or case["params"] or case["exactBudget"]:
            continue
        key, pattern = case["matrix"], case["pattern"]
        weight = model[expected["matrices"][key]["tensor"]].float()
        size = weight.shape[1]
        gram = torch.zeros(size, size, dtype=torch.float64)
        gram[tuple(torch.tril_indices(size, size))] = stored[f"{key}.gram"].double()
        gram = gram + gram.tril(-1).T
        linear = torch.nn.Linear(size, weight.shape[0], bias=False)
        linear.weight.data = weight.clone()
        kept, group = (0, 0) if pattern == "free" else map(int, pattern.split(":"))
        _, solved = solve(linear, {linear: (gram * 2 / expected["sequences"]).float()}, case["rate"], group - kept, group,
                          128, 0.01, False)
        solved = solved.detach()
        bits = np.unpackbits(results[f"{i}.mask"].numpy(), bitorder="little").reshape(weight.shape)
        differing = int(np.sum(bits != (solved != 0).numpy()))
        lost = solved.double() - weight.double()
        dense = torch.trace(weight.double() @ gram @ weight.double().T)
        error = float(torch.trace(lost @ gram @ lost.T) / dense)
        ratio = error / case["relativeError"]
        good &= differing <= weight.numel() / 1000 and abs(ratio - 1) <= 1e-3
        print(f"{key:6} {pattern if kept else case['rate']!s:5} {differing} of {weight.numel()} bits differ, error {ratio:.6f} times")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
