#!/usr/bin/env python3
"""make_events.py: the event file of docs/format/metrics.md as TensorBoard's own messages and record writer make it.

Needs tensorboard. Prints lines of hexadecimal to standard output: first the records of version, step 7, and a session that starts at step 5;
then the start of the session, and the hyperparameters.
"""
import io

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import metadata, plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter


def records(*events):
    out = io.BytesIO()
    writer = RecordWriter(out)
    for event in events:
        writer.write(event.SerializeToString(deterministic=True))
    return out.getvalue().hex()


def scalars(wall_time, step, **values):
    summary = summary_pb2.Summary()
    for tag, value in values.items():
        summary.value.add(tag=tag.replace("__", "/"), simple_value=value)
    return event_pb2.Event(wall_time=wall_time, step=step, summary=summary)


info = plugin_data_pb2.SessionStartInfo(group_name="068e7789-1b80-7000-8000-000000000000", start_time_secs=1800000000)
info.hparams["batch"].number_value = 8
info.hparams["mask"].bool_value = True
info.hparams["optimizer.name"].string_value = "adamw"
info.hparams["seed"].number_value = 7
hyperparameters = summary_pb2.Summary()
hyperparameters.value.add(
    tag=metadata.SESSION_START_INFO_TAG,
    tensor=metadata.NULL_TENSOR,
    metadata=summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(
            plugin_name=metadata.PLUGIN_NAME,
            content=plugin_data_pb2.HParamsPluginData(session_start_info=info).SerializeToString(deterministic=True),
        )
    ),
)


def session(wall_time, step):
    return event_pb2.Event(wall_time=wall_time, step=step, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START))


print(
    records(
        event_pb2.Event(wall_time=1800000000, file_version="brain.Event:2"),
        scalars(1800000001, 7, train__loss=2.5, time__step_s=0.25),
        session(1800000001, 5),
    )
)
print(records(session(1800000000, 0), event_pb2.Event(wall_time=1800000000, summary=hyperparameters)))
