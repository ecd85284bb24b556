// Packing: documents and a tokenizer into token shards and docmaps.
//
// Output "data" is a folder: shard-00000.bin/.idx/.docmap, ..., and pack.json, the report (tokens per language and source).
#pragma once

#include "engine/steps/step.h"

namespace cairn::data {

extern const steps::StepSpec kPack;

}  // namespace cairn::data
