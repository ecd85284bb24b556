#include "engine/train/checkpoint.h"

#include <algorithm>
#include <functional>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
#include "engine/model/hf_folder.h"

namespace cairn::train {

namespace {

constexpr const char* kState = "state.json";
constexpr const char* kOptional = "optional text";

template <typename... Cases>
struct Match : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Match(Cases...) -> Match<Cases...>;

bool is_weights(const StateField& field) {
  return field.name == kWeights;
}
bool is_moment(const StateField& field) {
  return !is_weights(field) && std::holds_alternative<StateField::Tensors>(field.value);
}

// How the files call a tensor of a field.
std::string stored_name(const StateField& field, const model::NamedTensor& tensor) {
  return is_weights(field) ? tensor.name : field.name + "." + tensor.name;
}

const StateField::Tensors& weights_of(const StateFields& state) {
  for (const StateField& field : state) {
    if (is_weights(field)) return std::get<StateField::Tensors>(field.value);
  }
  fail("the state of a training has no field '{}'", kWeights);
}

std::vector<TensorBytes> weight_bytes(const StateFields& state) {
  std::vector<TensorBytes> tensors;
  for (const model::TensorToStore& weight : model::hf_tensors(weights_of(state), model::StoredType::f32)) {
    tensors.push_back(tensor_bytes(weight.name, weight.tensor));
    if (tensors.back().type != model::StoredType::f32)
      fail("weight '{}' is {}, expected float32", weight.name, dtype_name(weight.tensor.dtype));
  }
  return tensors;
}

std::vector<TensorBytes> moment_bytes(const StateFields& state) {
  std::vector<TensorBytes> tensors;
  for (const StateField& field : state) {
    if (!is_moment(field)) continue;
    for (const model::NamedTensor& p : std::get<StateField::Tensors>(field.value)) {
      tensors.push_back(tensor_bytes(stored_name(field, p), p.tensor));
    }
  }
  return tensors;
}

// The numbers of the state, and the kinds of the rest.
Json values_of(const StateFields& state) {
  Json values = Json::object();
  for (const StateField& field : state) {
    std::visit(Match{
                   [&](std::int64_t* value) { values[field.name] = *value; },
                   [&](double* value) { values[field.name] = bits_of(*value); },
                   [&](std::vector<double>* list) {
                     Json bits = Json::array();
                     for (const double value : *list) bits.push_back(bits_of(value));
                     values[field.name] = std::move(bits);
                   },
                   [&](std::string*) { values[field.name] = field.optional ? kOptional : "text"; },
                   [&](const StateField::Tensors&) { values[field.name] = "tensors"; },
               },
               field.value);
  }
  return values;
}

std::int64_t integer_of(const Json& value) {
  if (!value.is_number_integer()) fail("expected a whole number, found {}", value.dump());
  return value.get<std::int64_t>();
}
double number_of(const Json& value) {
  if (!value.is_string()) fail("expected the bits of a number, found {}", value.dump());
  return number_of_bits(value.get<std::string>());
}
std::vector<double> numbers_of(const Json& value) {
  if (!value.is_array()) fail("expected a list, found {}", value.dump());
  std::vector<double> numbers;
  for (const Json& item : value) numbers.push_back(number_of(item));
  return numbers;
}

void check_tensor(const CheckpointReader& checkpoint, const std::string& name, const Tensor& tensor) {
  const TensorBytes wanted = tensor_bytes(name, tensor);
  const model::StoredTensor* found = checkpoint.find(name);
  if (found == nullptr) fail("has no tensor '{}'", name);
  if (found->shape != wanted.shape || found->type != wanted.type) {
    fail("tensor '{}' is {}, expected {}", name, found->describe(), tensor.describe());
  }
}

// What puts the stored value in its place; throws already when there is none that fits.
using Filling = std::function<void()>;
Filling filling_of(const CheckpointReader& checkpoint, const StateField& field, const Json& value) {
  return std::visit(
      Match{
          [&](std::int64_t* out) -> Filling { return [out, read = integer_of(value)] { *out = read; }; },
          [&](double* out) -> Filling { return [out, read = number_of(value)] { *out = read; }; },
          [&](std::vector<double>* out) -> Filling { return [out, read = numbers_of(value)] { *out = read; }; },
          [&](std::string* out) -> Filling { return [out, read = read_file(checkpoint.folder() / field.name)] { *out = read; }; },
          [&](const StateField::Tensors& tensors) -> Filling {
            for (const model::NamedTensor& p : tensors) check_tensor(checkpoint, stored_name(field, p), p.tensor);
            return [&checkpoint, &field, &tensors] {
              for (const model::NamedTensor& p : tensors) {
                const std::span<const std::byte> bytes = checkpoint.bytes(stored_name(field, p));
                copy(p.tensor, Tensor(const_cast<std::byte*>(bytes.data()), p.tensor.dtype, {p.tensor.size()}));  // only read
              }
            };
          },
      },
      field.value);
}

const Schema& state_schema() {
  static const Schema schema = object({
      field("format", string().one_of({kCheckpointFormat}), "what this file is"),
      field("version", integer().min(kCheckpointVersion).max(kCheckpointVersion), "of the format"),
      field("state", map(anything()), "each field of the state: its numbers, or which kind of file it is in"),
      field("facts", anything(), "what a resuming run must agree with"),
  });
  return schema;
}

Config read_state(const fs::path& folder) {
  const fs::path path = folder / kState;
  return Config(state_schema().complete(read_json(path), path.string()), path.string());
}

// The first key whose values differ, for the message.
std::string first_difference(const Json& ours, const Json& theirs) {
  for (const auto& [key, value] : ours.items()) {
    if (!theirs.is_object() || !theirs.contains(key)) return fmt::format("'{}' is missing", key);
    if (theirs.at(key) != value) return fmt::format("'{}' is {}, expected {}", key, theirs.at(key).dump(), value.dump());
  }
  for (const auto& [key, value] : theirs.items()) {
    if (!ours.contains(key)) return fmt::format("'{}' was not expected", key);
  }
  return "the facts differ";
}

// Both list the same fields.
void check_fields(const Json& stored, const StateFields& state) {
  std::set<std::string> names;
  for (const StateField& field : state) {
    names.insert(field.name);
    if (!stored.contains(field.name) && !field.optional) fail("holds no '{}', which this training carries on", field.name);
  }
  for (const auto& item : stored.items()) {
    if (names.count(item.key()) == 0 && item.value() != kOptional)
      fail("holds '{}', which this training does not know", item.key());
  }
}

}  // namespace

StateFields without_moments(const StateFields& state) {
  StateFields result = state;
  std::erase_if(result, is_moment);
  return result;
}

CheckpointFiles checkpoint_files(const model::ModelConfig& config, const StateFields& state, const Json& facts,
                                 const CheckpointCut& cut) {
  CheckpointFiles files;
  files.piece_bytes = cut.piece_bytes;
  for (auto& [name, text] : model::hf_config_files(config, model::StoredType::f32))
    files.texts.push_back({name, std::move(text)});
  files.tensors = cut_into_files("model", weight_bytes(state), cut.file_bytes);
  if (files.tensors.size() > 1) files.texts.push_back({"model.safetensors.index.json", index_of_files(files.tensors)});
  if (std::any_of(state.begin(), state.end(), is_moment)) {
    for (TensorFile& file : cut_into_files("optimizer", moment_bytes(state), cut.file_bytes)) {
      files.tensors.push_back(std::move(file));
    }
  }
  for (const StateField& field : state) {
    if (const auto* text = std::get_if<std::string*>(&field.value)) files.texts.push_back({field.name, **text});
  }
  const Json json = {
      {"format", kCheckpointFormat}, {"version", kCheckpointVersion}, {"state", values_of(state)}, {"facts", facts}};
  files.texts.push_back({kState, pretty_json(json)});
  for (Memory* device : files.devices()) device->begin_aside();
  return files;
}

void write_checkpoint(Disk& disk, const fs::path& folder, const model::ModelConfig& config, const StateFields& state,
                      const Json& facts, const CheckpointCut& cut) {
  BackgroundQueue hasher;
  write_checkpoint_files(disk, folder, checkpoint_files(config, state, facts, cut), hasher);
}

std::string checkpoint_damage(const fs::path& folder, ThreadPool* threads) {
  try {
    CheckpointReader(folder).verify(threads);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void read_checkpoint(const CheckpointReader& checkpoint, const StateFields& state, const Json& facts) {
  const std::string folder = checkpoint.folder().string();
  const Config stored = read_state(checkpoint.folder());
  if (stored.json("facts") != facts) {
    fail("{}: written by another training: {}", folder, first_difference(facts, stored.json("facts")));
  }
  const Json& values = stored.json("state");
  std::vector<Filling> fillings;
  const StateField* at = nullptr;
  try {
    check_fields(values, state);
    for (const StateField& field : state) {
      at = &field;
      if (!values.contains(field.name)) continue;  // optional
      fillings.push_back(filling_of(checkpoint, field, values.at(field.name)));
    }
  } catch (const Error& error) {
    fail("{}: {}{}", folder, at == nullptr ? "" : fmt::format("state.{}: ", at->name), error.what());
  }
  for (const Filling& fill : fillings) fill();
}

Json read_checkpoint_facts(const fs::path& folder) {
  return read_state(folder).json("facts");
}

}  // namespace cairn::train
