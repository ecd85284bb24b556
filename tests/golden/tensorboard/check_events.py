#!/usr/bin/env python3
"""check_events.py FOLDER < VALUES: does TensorBoard read the event file in FOLDER as what was written?

VALUES is one JSON object: {"scalars": {tag: [[step, value], ...]}, "hparams": {name: value}}. Reads with TensorBoard's event
accumulator (as its server does), and every record's checksums with its record reader. Exit status 0 when all agree.
"""
import glob
import json
import math
import os
import struct
import sys

from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.plugins.hparams import metadata
from tensorboard.util import tensor_util


def check(holds, message):
    if not holds:
        sys.exit(f"check_events: {message}")


def check_framing(path):
    data = open(path, "rb").read()
    at = 0
    while at < len(data):
        length = data[at : at + 8]
        size = struct.unpack("<Q", length)[0]
        body = data[at + 12 : at + 12 + size]
        check(struct.unpack("<I", data[at + 8 : at + 12])[0] == masked_crc32c(length), f"checksum of the length at {at}")
        check(struct.unpack("<I", data[at + 12 + size : at + 16 + size])[0] == masked_crc32c(body), f"checksum at {at}")
        at += size + 16


def same(a, b):
    return math.isnan(a) and math.isnan(b) or a == b


expected = json.load(sys.stdin)
files = glob.glob(os.path.join(sys.argv[1], "*tfevents*"))
check(len(files) == 1, f"{len(files)} event files")
check_framing(files[0])

accumulator = event_accumulator.EventAccumulator(sys.argv[1], size_guidance={event_accumulator.SCALARS: 0})
accumulator.Reload()
check(sorted(accumulator.Tags()["scalars"]) == sorted(expected["scalars"]), f"tags {accumulator.Tags()['scalars']}")
for tag, points in expected["scalars"].items():
    found = [(event.step, event.value) for event in accumulator.Scalars(tag)]
    check(len(found) == len(points), f"{tag}: {len(found)} points, not {len(points)}")
    for (step, value), (step_found, value_found) in zip(points, found):
        value32 = struct.unpack("<f", struct.pack("<f", float(value)))[0]
        check(step == step_found and same(value32, value_found), f"{tag}: {step_found} {value_found}, not {step} {value}")

server = plugin_event_accumulator.EventAccumulator(sys.argv[1], tensor_size_guidance={"scalars": 0, "hparams": 0})
server.Reload()
for tag, points in expected["scalars"].items():
    found = [float(tensor_util.make_ndarray(event.tensor_proto)) for event in server.Tensors(tag)]
    check(len(found) == len(points), f"{tag}: the server has {len(found)} points, not {len(points)}")
content = server.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
info = metadata.parse_session_start_info_plugin_data(content)
hparams = {name: getattr(value, value.WhichOneof("kind")) for name, value in info.hparams.items()}
check(hparams == expected["hparams"], f"hyperparameters {hparams}")
print("check_events: agrees")
