/** Python that is written beside masks and recipes. Run for real by scripts/handover/check.py. */

/** Zeroes the weights of a dense model that `masks.safetensors` beside it removes. Needs torch and transformers. */
export const APPLY_MASKS = String.raw`"""python apply_masks.py MODEL OUT: zero in MODEL what masks.safetensors beside this file removes."""
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype="auto")
weights = dict(model.named_parameters())
for name, bits in load_file(Path(__file__).with_name("masks.safetensors")).items():
    weight = weights[name if name in weights else f"{model.base_model_prefix}.{name}"]
    kept = (bits[:, None] >> torch.arange(8, dtype=torch.uint8) & 1).flatten()[: weight.numel()]
    weight.data[kept.view(weight.shape) == 0] = 0
model.save_pretrained(sys.argv[2])
`;

/** One-shot with the recipe and the lab's own token ids; `dense`: statistics once from the dense model. */
export function oneshotScript(dense: boolean): string {
  const propagate = dense
    ? '    propagate_error=False,  # the lab took its statistics from the dense model (--stats dense)\n'
    : '';
  return String.raw`"""python oneshot.py MODEL OUT: prune MODEL with recipe.yaml and the token ids of calibration.json.

Needs llmcompressor. One process: under torchrun every rank would see only its share of the ids.
"""
import json
import sys
from pathlib import Path

from datasets import Dataset
from llmcompressor import oneshot

here = Path(__file__).parent
windows = json.loads((here / "calibration.json").read_text())["windows"]
oneshot(
    model=sys.argv[1],
    recipe=str(here / "recipe.yaml"),
    dataset=Dataset.from_dict({"input_ids": windows, "attention_mask": [[1] * len(w) for w in windows]}),
    num_calibration_samples=len(windows),
    max_seq_length=max(map(len, windows)),
    batch_size=1,  # windows of different lengths would be cut to the shortest
    shuffle_calibration_samples=False,
    concatenate_data=False,
    pad_to_max_length=False,  # padding would enter the norms
    pipeline="sequential",  # block by block: statistics of a block come through the pruned blocks before it
${propagate}    save_compressed=False,
    output_dir=sys.argv[2],
)
`;
}
