#include "kernels/cuda/gemm_book.h"

#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"

namespace cairn::cuda {
namespace {

constexpr const char* kFormat = "cairn gemm book";
constexpr int kVersion = 1;

constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();

struct AlgorithmField {
  const char* name;
  std::int32_t GemmAlgorithm::*member;
  std::int64_t most = kMost;
};
constexpr AlgorithmField kAlgorithm[] = {
    {"id", &GemmAlgorithm::id},
    {"tile", &GemmAlgorithm::tile},
    {"stages", &GemmAlgorithm::stages},
    {"split_k", &GemmAlgorithm::split_k, 1},  // each element's products are added in one order
    {"reduction", &GemmAlgorithm::reduction, 0},
    {"swizzle", &GemmAlgorithm::swizzle},
    {"custom", &GemmAlgorithm::custom},
    {"inner_shape", &GemmAlgorithm::inner_shape},
    {"cluster_shape", &GemmAlgorithm::cluster_shape},
};

struct NumberField {
  const char* name;
  std::int64_t GemmKey::*member;
};
constexpr NumberField kNumbers[] = {{"M", &GemmKey::M},     {"N", &GemmKey::N},     {"K", &GemmKey::K},
                                    {"lda", &GemmKey::lda}, {"ldb", &GemmKey::ldb}, {"ldc", &GemmKey::ldc}};

const Schema& entry_schema() {
  static const Schema schema = [] {
    std::vector<Field> fields;
    for (const NumberField& each : kNumbers) fields.push_back(field(each.name, integer().min(1), "of the product"));
    for (const char* name : {"transpose_a", "transpose_b", "accumulate"})
      fields.push_back(field(name, boolean(), "of the product"));
    for (const char* name : {"type_ab", "type_c"}) fields.push_back(field(name, string(), "of the product"));
    for (const AlgorithmField& each : kAlgorithm)
      fields.push_back(field(each.name, integer().min(0).max(each.most), "of the algorithm"));
    return object(std::move(fields));
  }();
  return schema;
}

}  // namespace

std::string GemmKey::text() const {
  return fmt::format("{}x{}x{} {}{} {}->{}{} ld {} {} {}", M, N, K, transpose_a ? 't' : 'n', transpose_b ? 't' : 'n', type_ab,
                     type_c, accumulate ? " +=" : "", lda, ldb, ldc);
}

const GemmAlgorithm* GemmBook::find(const GemmKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

void GemmBook::add(const GemmKey& key, const GemmAlgorithm& algorithm) {
  entries_[key] = algorithm;
}

Json GemmBook::to_json() const {
  Json list = Json::array();
  for (const auto& [key, algorithm] : entries_) {
    Json entry = {{"transpose_a", key.transpose_a},
                  {"transpose_b", key.transpose_b},
                  {"accumulate", key.accumulate},
                  {"type_ab", key.type_ab},
                  {"type_c", key.type_c}};
    for (const NumberField& each : kNumbers) entry[each.name] = key.*each.member;
    for (const AlgorithmField& each : kAlgorithm) entry[each.name] = algorithm.*each.member;
    list.push_back(std::move(entry));
  }
  return {{"format", kFormat}, {"version", kVersion}, {"device", device_}, {"library", library_}, {"products", list}};
}

std::string GemmBook::take(const Json& json, const std::string& origin) {
  static const Schema schema =
      object({field("format", string().one_of({kFormat}), "what this is"),
              field("version", integer().min(kVersion).max(kVersion), "of the format"),
              field("device", string(), "that the choices hold for"), field("library", string(), "version of cuBLASLt"),
              field("products", list(entry_schema()), "one choice a product")});
  const Config book(schema.complete(json, origin), origin);
  if (book.string("device") != device_) return fmt::format("the GEMM book is of {}, this is {}", book.string("device"), device_);
  if (book.string("library") != library_)
    return fmt::format("the GEMM book is of cuBLASLt {}, this is {}", book.string("library"), library_);
  for (const Config& entry : book.objects("products")) {
    GemmKey key;
    for (const NumberField& each : kNumbers) key.*each.member = entry.integer(each.name);
    key.transpose_a = entry.boolean("transpose_a");
    key.transpose_b = entry.boolean("transpose_b");
    key.accumulate = entry.boolean("accumulate");
    key.type_ab = entry.string("type_ab");
    key.type_c = entry.string("type_c");
    GemmAlgorithm algorithm;
    for (const AlgorithmField& each : kAlgorithm) algorithm.*each.member = static_cast<std::int32_t>(entry.integer(each.name));
    entries_[key] = algorithm;
  }
  return "";
}

}  // namespace cairn::cuda
