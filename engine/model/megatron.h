// Weights as Megatron-LM names and lays them out, whole or cut for tensor parallelism (docs/format/megatron.md; spec/apertus.md
// §1.6).
//
// What differs from a Hugging Face folder: query, key and value are one matrix whose rows go by key-value head (its query heads,
// then the key head, then the value head); gate and up projection, where there are both, are one matrix; the vocabulary is padded
// to a multiple of 128 * ranks. The container is safetensors: Megatron's own files are pickles or torch_dist folders, which run
// or need Python to read; a few lines of it move the same names between the two.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/disk.h"
#include "engine/model/hf_folder.h"
#include "engine/model/parameters.h"
#include "engine/model/safetensors.h"

namespace cairn::model {

struct MegatronOptions {
  std::int64_t tensor_parallel = 1;  // ranks that the matrices are cut for
  bool fused_norms = false;          // the norms before QKV and MLP as Transformer Engine's fused layers name them
  StoredType type = StoredType::f32;
};

// One tensor of one rank, as rows of weights one after another, of each the columns [column_begin, column_end); then rows of
// zeros.
struct MegatronTensor {
  struct Rows {
    std::size_t weight;  // in Parameters::all()
    std::int64_t begin, end;
  };
  std::string name;                 // "decoder.layers.3.self_attention.linear_qkv.weight"
  std::vector<std::int64_t> shape;  // of one dimension, with one column, where the weight is a vector
  std::vector<Rows> rows;
  std::int64_t zero_rows = 0;
  std::int64_t column_begin = 0, column_end = 1;
  bool everywhere = false;  // the same on all ranks: norms, xIELU scalars
};

// The tensors of rank `rank`, in the order of Parameters::all(). Error (usage) when the heads, the MLP or a weight cannot be cut,
// or a weight has no place in Megatron's model.
std::vector<MegatronTensor> megatron_rank(const Parameters& parameters, std::int64_t rank, const MegatronOptions& options);

// config.json (as Hugging Face's) and mp_rank_00/model.safetensors, mp_rank_01/... in `folder`, which is created.
void write_megatron_folder(Disk& disk, const std::filesystem::path& folder, const Parameters& parameters,
                           const MegatronOptions& options);
// Reads such a folder, with any number of ranks, norms named either way, weights of any float type. Errors name the file and the
// tensor: one that is missing, unknown, of another shape, or different on ranks that must agree.
LoadedModel read_megatron_folder(const std::filesystem::path& folder, Dtype dtype);

}  // namespace cairn::model
