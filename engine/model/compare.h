// Where two weight files differ: what `cairn reproduce` says when bits are not the same.
#pragma once

#include <filesystem>
#include <string>

namespace cairn::model {

// "" when both safetensors files are the same, byte by byte; else one line that names the first difference: a tensor that only
// one has or that has another type or shape, or the first tensor (in the order of the first file's bytes) with another value: its
// element, both bit patterns, both values, their distance in units in the last place, and how many elements of it differ. Error
// when either is not a safetensors file.
std::string first_difference(const std::filesystem::path& path_a, const std::filesystem::path& path_b);

}  // namespace cairn::model
