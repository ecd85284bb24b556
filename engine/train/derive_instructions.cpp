// step derive-instructions: documents -> conversations, by rule (instructions.h), with some held out.
#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "engine/data/document.h"
#include "engine/steps/step_context.h"
#include "engine/train/instructions.h"
#include "engine/train/steps.h"

namespace cairn::train {

namespace {

using steps::StepContext;

// A number in [0, 1) that depends on seed and text alone.
double chance(std::uint64_t seed, std::string_view purpose, std::string_view text) {
  Sha256 hash;
  hash.field(static_cast<std::int64_t>(seed)).field(purpose).field(text);
  const Digest digest = hash.finish();
  std::uint64_t bits = 0;
  for (int i = 0; i < 7; ++i) bits = bits << 8 | digest.bytes[static_cast<std::size_t>(i)];
  return static_cast<double>(bits) * 0x1p-56;
}

std::vector<Instruction> derive(StepContext& ctx) {
  std::vector<Instruction> instructions;
  std::vector<TitledDocument> titles;
  for (const steps::StepInput& input : ctx.inputs("documents")) {
    data::DocumentReader reader(input.path);
    Progress& progress = ctx.progress("derive", "bytes");
    progress.set_total(reader.bytes_total());
    for (data::Document document; reader.next(document); progress.set(reader.bytes_read())) {
      for (Instruction& instruction : instructions_from(document)) instructions.push_back(std::move(instruction));
      if (auto title = titled(document)) titles.push_back(std::move(*title));
      ctx.stop_if_asked();
    }
  }
  for (Instruction& instruction : title_translations(std::move(titles))) instructions.push_back(std::move(instruction));
  return instructions;
}

// At most `most` of each rule, chosen by the seed; order is kept.
std::vector<Instruction> limit(std::vector<Instruction> instructions, const std::vector<std::string>& rules, std::int64_t most,
                               std::uint64_t seed) {
  std::map<std::string, std::vector<double>> draws;
  const auto draw = [&](const Instruction& i) { return chance(seed, "limit " + i.rule, i.document + i.user); };
  for (const Instruction& instruction : instructions) draws[instruction.rule].push_back(draw(instruction));
  std::map<std::string, double> threshold;
  for (auto& [rule, values] : draws) {
    std::sort(values.begin(), values.end());
    const auto kept = static_cast<std::size_t>(most);
    threshold[rule] = kept < values.size() ? values[kept] : 2.0;
  }
  std::erase_if(instructions, [&](const Instruction& i) {
    return std::find(rules.begin(), rules.end(), i.rule) == rules.end() || draw(i) >= threshold[i.rule];
  });
  return instructions;
}

std::string line_of(const Instruction& instruction) {
  const Json json = {
      {"id", instruction.document},
      {"rule", instruction.rule},
      {"source", instruction.source},
      {"licence", instruction.licence},
      {"messages",
       {{{"role", "user"}, {"content", instruction.user}}, {{"role", "assistant"}, {"content", instruction.assistant}}}}};
  return canonical_json(json) + "\n";
}

void write_lines(StepContext& ctx, const std::string& role, const std::string& text) {
  ctx.disk().make_directories(ctx.staging(role));
  write_new_file(ctx.disk(), ctx.staging(role) / "conversations.jsonl", text);
}

// Groups whose conversations are held out: `share` of them by chance, and at least one where there are two.
std::set<std::string> held_out_groups(const std::vector<Instruction>& instructions, double share, std::uint64_t seed) {
  std::map<double, std::string> by_chance;
  for (const Instruction& instruction : instructions)
    by_chance.emplace(chance(seed, "held out", instruction.group), instruction.group);
  std::set<std::string> out;
  if (share <= 0) return out;
  for (const auto& [drawn, group] : by_chance) {
    if (drawn < share || (out.empty() && by_chance.size() > 1)) out.insert(group);
  }
  return out;
}

void derive_instructions(StepContext& ctx) {
  const Config& config = ctx.config();
  const std::vector<Instruction> instructions =
      limit(derive(ctx), config.strings("rules"), config.integer("most_per_rule"), ctx.seed());
  const std::set<std::string> apart = held_out_groups(instructions, config.number("held_out"), ctx.seed());
  std::string kept, held_out;
  std::int64_t kept_count = 0, held_out_count = 0;
  std::map<std::string, std::int64_t> by_rule;
  for (const Instruction& instruction : instructions) {
    const bool out = apart.count(instruction.group) > 0;
    (out ? held_out : kept) += line_of(instruction);
    ++(out ? held_out_count : kept_count);
    ++by_rule[instruction.rule];
  }
  if (kept_count == 0) fail("no conversation came out of these documents");
  write_lines(ctx, "conversations", kept);
  write_lines(ctx, "held_out", held_out);
  ctx.describe_output("conversations", "conversations", kept_count);
  ctx.describe_output("conversations", "by_rule", by_rule);
  ctx.describe_output("held_out", "conversations", held_out_count);
  ctx.summarise(fmt::format("{} conversations, {} held out", kept_count, held_out_count));
}

}  // namespace

const steps::StepSpec kDeriveInstructions{
    .name = "derive-instructions",
    .version = 1,
    .summary = "make conversations from documents, by rule",
    .inputs = {{"documents", "documents", "curated documents", false, true}},
    .outputs = {{"conversations", "raw", "JSONL of messages"},
                {"held_out", "raw",
                 "the same, of documents (with all of their translations) that the other output has nothing of"}},
    .config = object({
        field("rules",
              list(string().one_of({"language", "topic", "continue", "title", "translate"}))
                  .min(1)
                  .def({"language", "topic", "continue", "title", "translate"}),
              "which kinds of question"),
        field("most_per_rule", integer().min(1).def(4000), "conversations of each kind, at most"),
        field("held_out", number().min(0).max(1).def(0.05),
              "share of documents (with their translations) that are held out; at least one"),
    }),
    .runtime = object({}),
    .exactness = steps::Exactness::everywhere,
    .externals = {},
    .run = derive_instructions,
};

}  // namespace cairn::train
