#!/usr/bin/env python3
"""Reads an archive of `prunelab prune --archive` back, by code that shares nothing with the lab.

    python check.py ARCHIVE DENSE [--library]

ARCHIVE: the folder written with --archive. DENSE: the folder of the same run without it. Every tensor of ARCHIVE is
unpacked with NumPy from the layout in docs/archive.md and must equal the one in DENSE, byte for byte (a -0 may be +0).
With --library the sparse compressors of compressed-tensors 0.13 must give the same, and for sparse-24-bitmask the model
that transformers 4 opens from ARCHIVE must give the logits of DENSE, bit for bit. (Of sparse-bitmask it opens none: it
first packs the model's own weights, which have no data yet, and that compressor does not take such.)

Needs numpy; --library also torch, compressed-tensors==0.13.0 and accelerate, transformers>=4.57,<5. Run by hand; the result is
noted in docs/archive.md.
"""
import argparse
import json
import pathlib
import sys

import numpy as np

WORDS = {"F16": "<u2", "BF16": "<u2", "F32": "<u4", "I64": "<i8", "U8": "u1"}


def tensors(folder):
    """All tensors of the safetensors files, as (dtype, array of raw words)."""
    found = {}
    for path in sorted(pathlib.Path(folder).glob("model*.safetensors")):
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = (8 + length + at for at in entry["data_offsets"])
            word = np.dtype(WORDS[entry["dtype"]])
            assert begin % word.itemsize == 0, f"{name} is not aligned"
            array = np.frombuffer(data[begin:end], word).reshape(entry["shape"])
            assert name not in found, f"{name} is there twice"
            found[name] = (entry["dtype"], array)
    return found


def unpack(parts, form):
    """The dense words of one matrix, and its dtype."""
    rows, cols = (int(n) for n in parts["shape"][1].reshape(-1))
    dtype, values = parts["compressed"]
    mask = parts["bitmask"][1]
    assert mask.shape == (rows, -(-cols // 8)), "shape of the bitmask"
    bits = np.unpackbits(mask, axis=1, bitorder="little")
    assert not bits[:, cols:].any(), "padding of the bitmask"
    bits = bits[:, :cols].astype(bool)
    if form == "sparse-24-bitmask":
        assert parts["shape"][1].shape == (2, 1) and values.shape == (rows, cols // 2), "shapes of 2:4"
        assert (bits.reshape(-1, 4).sum(axis=1) == 2).all(), "two of every four"
    else:
        assert parts["shape"][1].shape == (2,), "shape of the shape"
        offsets = np.cumsum(bits.sum(axis=1)) - bits.sum(axis=1)
        assert (parts["row_offsets"][1] == offsets).all(), "row offsets"
        magnitude = values & (0x7FFFFFFF if dtype == "F32" else 0x7FFF)
        assert (magnitude != 0).all(), "a zero among the values"
    dense = np.zeros((rows, cols), values.dtype)
    dense[bits] = values.reshape(-1)
    return dtype, dense


def without_sign_of_zero(dtype, words):
    if dtype not in ("F16", "BF16", "F32"):
        return words
    sign = words.dtype.type(0x80000000 if dtype == "F32" else 0x8000)
    return np.where(words == sign, words.dtype.type(0), words)


def with_numpy(archive, dense, form):
    packed, expected = tensors(archive), tensors(dense)
    stems = sorted(name[: -len(".bitmask")] for name in packed if name.endswith(".bitmask"))
    keys = ["shape", "compressed", "bitmask"] + ([] if form == "sparse-24-bitmask" else ["row_offsets"])
    unpacked = {}
    for stem in stems:
        unpacked[f"{stem}.weight"] = unpack({key: packed.pop(f"{stem}.{key}") for key in keys}, form)
    matrices = set(unpacked)
    unpacked.update(packed)
    assert unpacked.keys() == expected.keys(), "the tensors are others"
    for name, (dtype, words) in expected.items():
        got, found = unpacked[name]
        assert got == dtype and found.shape == words.shape, f"{name}: type or shape"
        wanted = without_sign_of_zero(dtype, words) if name in matrices else words
        assert (wanted == found).all(), name
    size = [sum(p.stat().st_size for p in pathlib.Path(at).glob("model*.safetensors")) for at in (archive, dense)]
    print(f"numpy: {len(matrices)} matrices unpacked, {len(expected)} tensors equal, {size[0]} bytes for {size[1]}")


def with_library(archive, dense, form):
    import compressed_tensors
    import torch
    from compressed_tensors.compressors.base import BaseCompressor
    from compressed_tensors.config import SparsityCompressionConfig
    from safetensors import safe_open

    said = json.loads((pathlib.Path(archive) / "config.json").read_text())["quantization_config"]["sparsity_config"]
    config = SparsityCompressionConfig.load_from_registry(said["format"], **{k: v for k, v in said.items() if k != "format"})
    compressor = BaseCompressor.load_from_registry(form, config=config)
    expected = {}
    for path in sorted(pathlib.Path(dense).glob("model*.safetensors")):
        with safe_open(path, "pt") as file:
            expected.update({name: file.get_tensor(name) for name in file.keys()})
    names = set()
    for name, tensor in compressor.decompress(str(archive)):
        assert torch.equal(tensor, expected[name]), name
        names.add(name)
    assert names == expected.keys(), names ^ expected.keys()
    print(f"compressed-tensors {compressed_tensors.__version__}: {len(names)} tensors equal")

    if form != "sparse-24-bitmask":
        return
    import transformers

    ids = torch.tensor([[(7 * i + 3) % 256 for i in range(48)]])
    logits = []
    for folder in (archive, dense):
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        with torch.no_grad():
            logits.append(model(ids).logits)
    assert torch.equal(*logits), "the logits differ"
    print(f"transformers {transformers.__version__}: opens the archive; logits equal those of the dense folder")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive")
    parser.add_argument("dense")
    parser.add_argument("--library", action="store_true")
    args = parser.parse_args()
    config = json.loads((pathlib.Path(args.archive) / "config.json").read_text())
    form = config["quantization_config"]["sparsity_config"]["format"]
    with_numpy(args.archive, args.dense, form)
    if args.library:
        with_library(args.archive, args.dense, form)
    return 0


if __name__ == "__main__":
    sys.exit(main())
