"""The bundle's manifest: made from figures, checked against the contract in proto/replymesh/type/v1/bundle.proto."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc

from replymesh_training.data import sha256_of

PROTO = Path(__file__).parents[2] / "proto"
FORMAT = "replymesh.bundle/1"
MANIFEST = "manifest.json"


class ManifestError(ValueError):
    """A manifest that serving would refuse; the message says why."""


def _message_class() -> type[Any]:
    """The class of `BundleManifest`, compiled from the proto files of this repository."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "bundle.binpb"
        well_known = str(files("grpc_tools") / "_proto")
        arguments = ["protoc", f"-I{PROTO}", f"-I{well_known}", "--include_imports", f"--descriptor_set_out={target}"]
        if protoc.main([*arguments, "replymesh/type/v1/bundle.proto"]):
            raise ManifestError(f"{PROTO}/replymesh/type/v1/bundle.proto does not compile")
        files_in_set = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files_in_set.file:
        pool.Add(file)
    found: type[Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName("replymesh.type.v1.BundleManifest"))
    return found


def bundle_files(folder: Path) -> list[dict[str, str]]:
    """Path, digest and size of every file below the folder but the manifest, by path."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    return [{"path": p.relative_to(folder).as_posix(), "sha256": sha256_of(p), "sizeBytes": str(p.stat().st_size)} for p in paths]


def check(manifest: Mapping[str, Any]) -> None:
    """ManifestError unless the manifest is strict protobuf JSON of `BundleManifest` and agrees with itself."""
    message = _message_class()()
    try:
        json_format.Parse(json.dumps(manifest), message)
    except json_format.ParseError as error:
        raise ManifestError(f"manifest.json: {error}") from None
    if json_format.MessageToDict(message, always_print_fields_with_no_presence=False) != _without_defaults(manifest):
        raise ManifestError("manifest.json: not in protobuf's JSON form; names are lowerCamelCase, int64 are strings")
    if message.format != FORMAT:
        raise ManifestError(f'manifest.json: format is "{message.format}", expected "{FORMAT}"')
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", message.version):
        raise ManifestError(f'manifest.json: version "{message.version}" is not MAJOR.MINOR.PATCH')
    known = {file.path for file in message.files}
    named = {message.tokenizer.file, message.tokenizer.config_file}
    texts: set[str] = set()
    if message.HasField("byte_tokenizer"):
        named |= {message.byte_tokenizer.file, message.byte_tokenizer.config_file}
        texts |= {"byte_ids", "byte_mask"}
    if message.HasField("features"):
        texts |= {"ngrams", "ngram_counts", "text_features"}
    trunk = {"input_ids", "attention_mask"} | _checked_outputs(message.trunk, {"input_ids", "attention_mask"}, named)
    if message.embedding_tensor not in trunk:
        raise ManifestError(f'manifest.json: no stage of the trunk makes "{message.embedding_tensor}"')
    for space in message.spaces:
        mask = {space.monte_carlo.mask_tensor} if space.HasField("monte_carlo") else set()
        made = _checked_outputs(space.stages, trunk | texts | mask, named)
        wanted = {member.logits_tensor for member in space.members}
        wanted |= {space.monte_carlo.logits_tensor} if mask else set()
        if space.HasField("out_of_scope"):
            wanted |= {space.out_of_scope.logits_tensor, space.out_of_scope.distance_tensor} - {""}
        if wanted - made:
            raise ManifestError(f'manifest.json: space "{space.name}" reads {sorted(wanted - made)}, which no stage makes')
    if named - known:
        raise ManifestError(f"manifest.json: {sorted(named - known)} are named, but not among the files")


def _checked_outputs(stages: Any, known: set[str], named: set[str]) -> set[str]:
    """What the stages make; their files are added to `named`. ManifestError when one reads what is not there yet."""
    made: set[str] = set()
    for stage in stages:
        missing = set(stage.inputs) - known - made
        if missing:
            raise ManifestError(f'manifest.json: stage "{stage.name}" reads {sorted(missing)}, which nothing before it makes')
        made |= set(stage.outputs)
        named.add(stage.file)
    return made


def _without_defaults(value: Any) -> Any:
    """As protobuf writes it: fields that hold their default are absent, entries of the map `metrics` are not."""
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if item not in ("", "0", 0, [], {})}
        return {key: item if key == "metrics" else _without_defaults(item) for key, item in kept.items()}
    return [_without_defaults(item) for item in value] if isinstance(value, list) else value


def read(folder: Path) -> dict[str, Any]:
    """A bundle's manifest, checked, with the digests of its files. ManifestError names the first file that differs."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    check(manifest)
    actual = {file["path"]: file for file in bundle_files(folder)}
    for file in manifest["files"]:
        if actual.pop(file["path"], None) != file:
            raise ManifestError(f"{file['path']}: is not there or not as manifest.json says")
    if actual:
        raise ManifestError(f"{sorted(actual)[0]}: is not in manifest.json")
    return manifest


def write(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Check and write manifest.json."""
    check(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
