// step derive-tasks: held-out documents -> evaluation tasks in lm-evaluation-harness's form, by rule.
//
//   heldout_bpb_LANG   bits per byte of whole texts, one task a language
//   heldout_next       which of four pieces of text goes on a paragraph (one is true, three stand elsewhere in the same language)
//   heldout_last_word  the last word of a paragraph's sentence, where that word stands earlier in it
//
// The tasks are a function of the documents, the config and the seed.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "engine/data/document.h"
#include "engine/steps/step_context.h"
#include "eval/steps.h"

namespace cairn::eval {
namespace {

using data::Document;
using steps::StepContext;

struct Paragraph {
  std::size_t document;
  std::string text;
};

bool is_continuation_byte(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// At most `bytes` of text, cut before a character.
std::string clipped(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::size_t end = bytes;
  while (end > 0 && is_continuation_byte(text[end])) --end;
  return text.substr(0, end);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

std::string joined(const std::vector<std::string>& words, std::size_t begin, std::size_t end) {
  return fmt::format(
      "{}", fmt::join(words.begin() + static_cast<std::ptrdiff_t>(begin), words.begin() + static_cast<std::ptrdiff_t>(end), " "));
}

std::string yaml_text(const std::string& text) {
  return Json(text).dump();
}  // a JSON string is a YAML double-quoted scalar

std::string common_head(const std::string& name, const std::string& data_file, const std::string& output_type) {
  return fmt::format(
      "task: {}\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {}\ntest_split: test\noutput_type: {}\n", name,
      data_file, output_type);
}

class TaskWriter {
 public:
  TaskWriter(StepContext& ctx, std::string licence) : ctx_(ctx), folder_(ctx.staging("tasks")), licence_(std::move(licence)) {
    ctx.disk().make_directories(folder_);
  }

  void write(const std::string& name, const std::string& yaml_body, const std::string& output_type,
             const std::vector<Json>& documents, double baseline = -1) {
    std::string data;
    for (const Json& document : documents) data += canonical_json(document) + "\n";
    put(name + ".jsonl", data);
    std::string yaml = common_head(name, name + ".jsonl", output_type) + yaml_body +
                       "metadata:\n  version: 1\n  licence: " + yaml_text(licence_) + "\n";
    if (baseline >= 0) yaml += fmt::format("  random_baseline: {}\n", baseline);
    put(name + ".yaml", yaml);
    ++tasks_;
  }
  int tasks() const { return tasks_; }

 private:
  void put(const std::string& name, const std::string& bytes) {
    const auto file = ctx_.disk().create(folder_ / name);
    file->write(bytes);
    file->close();
  }
  StepContext& ctx_;
  fs::path folder_;
  std::string licence_;
  int tasks_ = 0;
};

std::string metric_yaml(const std::string& name, bool higher) {
  return fmt::format("  - metric: {}\n    aggregation: mean\n    higher_is_better: {}\n", name, higher ? "true" : "false");
}

void write_bits_per_byte(const StepContext& ctx, TaskWriter& writer,
                         const std::map<std::string, std::vector<Document>>& by_language) {
  const auto most = static_cast<std::size_t>(ctx.config().integer("documents_per_language"));
  const auto bytes = static_cast<std::size_t>(ctx.config().integer("text_bytes"));
  for (const auto& [language, documents] : by_language) {
    std::vector<Json> lines;
    for (const Document& document : documents) {
      if (lines.size() == most) break;
      lines.push_back({{"id", document.id}, {"url", document.url}, {"text", clipped(document.text, bytes)}});
    }
    std::string name = "heldout_bpb_" + language;
    std::replace(name.begin(), name.end(), '-', '_');
    writer.write(
        name,
        "group: heldout_bpb\ntask_alias: " + yaml_text("bits per byte, " + language) +
            "\ndoc_to_text: \"\"\ndoc_to_target: text\nmetric_list:\n  - metric: bits_per_byte\n    higher_is_better: false\n",
        "loglikelihood_rolling", lines);
  }
}

// Paragraphs of at least 30 words in a language, in document order.
std::vector<Paragraph> long_paragraphs(const std::vector<Document>& documents) {
  std::vector<Paragraph> found;
  for (std::size_t d = 0; d < documents.size(); ++d) {
    for (const std::string& line : lines_of(documents[d].text)) {
      if (words_of(line).size() >= 30 && line.size() < 1500) found.push_back({d, line});
    }
  }
  return found;
}

void write_next_piece(const StepContext& ctx, TaskWriter& writer,
                      const std::map<std::string, std::vector<Document>>& by_language) {
  const auto wanted = static_cast<std::size_t>(ctx.config().integer("choice_questions"));
  const Random random(ctx.seed(), "derive-tasks.next");
  std::uint64_t draw = 0;
  std::map<std::string, std::vector<Paragraph>> paragraphs;
  for (const auto& [language, documents] : by_language) {
    std::vector<Paragraph> found = long_paragraphs(documents);
    std::set<std::size_t> homes;
    for (const Paragraph& paragraph : found) homes.insert(paragraph.document);
    if (found.size() >= 8 && homes.size() >= 2) paragraphs[language] = std::move(found);
  }
  if (paragraphs.empty()) return;
  const std::size_t per_language = (wanted + paragraphs.size() - 1) / paragraphs.size();
  constexpr std::size_t kContextWords = 18, kPieceWords = 10;
  std::vector<Json> lines;
  for (const auto& [language, found] : paragraphs) {
    for (std::size_t q = 0; q < std::min(per_language, found.size()) && lines.size() < wanted; ++q) {
      const Paragraph& chosen = found[q * found.size() / std::min(per_language, found.size())];
      const std::vector<std::string> words = words_of(chosen.text);
      std::vector<std::string> choices{joined(words, kContextWords, kContextWords + kPieceWords)};
      for (int tries = 0; choices.size() < 4 && tries < 100; ++tries) {
        const Paragraph& other = found[random.below(draw++, found.size())];
        const std::vector<std::string> other_words = words_of(other.text);
        const std::string piece = joined(other_words, kContextWords, kContextWords + kPieceWords);
        if (other.document != chosen.document && std::find(choices.begin(), choices.end(), piece) == choices.end())
          choices.push_back(piece);
      }
      if (choices.size() < 4) continue;
      const auto gold = static_cast<std::size_t>(random.below(draw++, 4));
      std::swap(choices[0], choices[gold]);
      lines.push_back(
          {{"language", language}, {"context", joined(words, 0, kContextWords)}, {"choices", choices}, {"gold", gold}});
    }
  }
  if (lines.empty()) return;
  writer.write("heldout_next",
               "task_alias: next piece of text\ndoc_to_text: \"{{context}}\"\ndoc_to_choice: choices\ndoc_to_target: "
               "gold\nmetric_list:\n" +
                   metric_yaml("acc", true) + metric_yaml("acc_norm", true),
               "multiple_choice", lines, 0.25);
}

void write_last_word(const StepContext& ctx, TaskWriter& writer,
                     const std::map<std::string, std::vector<Document>>& by_language) {
  const auto wanted = static_cast<std::size_t>(ctx.config().integer("generation_questions"));
  const std::size_t per_language = std::max<std::size_t>(1, wanted / std::max<std::size_t>(1, by_language.size()));
  std::vector<Json> lines;
  for (const auto& [language, documents] : by_language) {
    std::size_t taken = 0;
    for (const Document& document : documents) {
      for (const std::string& line : lines_of(document.text)) {
        if (taken == per_language || lines.size() == wanted) break;
        const std::vector<std::string> words = words_of(line);
        if (words.size() < 20 || words.size() > 120 || line.back() != '.') continue;
        const std::string target = words.back().substr(0, words.back().size() - 1);
        const bool plain = target.size() >= 4 && std::all_of(target.begin(), target.end(),
                                                             [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; });
        if (!plain || std::find(words.begin(), words.end() - 1, target) == words.end() - 1) continue;
        lines.push_back({{"language", language}, {"context", joined(words, 0, words.size() - 1)}, {"word", target}});
        ++taken;
      }
    }
  }
  if (lines.empty()) return;
  writer.write("heldout_last_word",
               "task_alias: last word\ndoc_to_text: \"{{context}}\"\ndoc_to_target: word\ngeneration_kwargs:\n  until: [\"\\n\", "
               "\".\"]\n  max_gen_toks: 8\n  do_sample: false\n"
               "filter_list:\n  - name: first-word\n    filter:\n      - function: regex\n        regex_pattern: "
               "\"([^\\\\s.,;:!?]+)\"\n      - function: take_first\nmetric_list:\n" +
                   metric_yaml("exact_match", true),
               "generate_until", lines);
}

void derive_tasks(StepContext& ctx) {
  std::map<std::string, std::vector<Document>> by_language;
  std::set<std::string> licences;
  data::DocumentReader reader(ctx.input("documents").path);
  for (Document document; reader.next(document);) {
    licences.insert(document.licence);
    by_language[document.language].push_back(std::move(document));
  }
  const auto least = static_cast<std::size_t>(ctx.config().integer("least_documents"));
  std::erase_if(by_language, [&](const auto& entry) { return entry.second.size() < least; });
  if (by_language.empty()) fail("derive-tasks: no language has {} held-out documents", least);

  TaskWriter writer(ctx, fmt::format("{}", fmt::join(licences, " AND ")));
  write_bits_per_byte(ctx, writer, by_language);
  write_next_piece(ctx, writer, by_language);
  write_last_word(ctx, writer, by_language);
  ctx.describe_output("tasks", "tasks", writer.tasks());
  ctx.summarise(fmt::format("{} tasks in {} languages", writer.tasks(), by_language.size()));
}

}  // namespace

const steps::StepSpec kDeriveTasks{
    .name = "derive-tasks",
    .version = 1,
    .summary = "held-out documents -> evaluation tasks in lm-evaluation-harness's form",
    .inputs = {{.role = "documents", .kind = "documents", .help = "documents that training never sees (curate's held_out)"}},
    .outputs = {{.role = "tasks", .kind = "task", .help = "a folder of task files and their data"}},
    .config = object({
        field("documents_per_language", integer().min(1).def(20), "documents of each language for bits per byte, at most"),
        field("text_bytes", integer().min(100).def(2000), "bytes of each text, at most"),
        field("least_documents", integer().min(1).def(2), "languages with fewer held-out documents are left out"),
        field("choice_questions", integer().min(0).def(100), "multiple-choice questions, at most"),
        field("generation_questions", integer().min(0).def(40), "generation questions, at most"),
    }),
    .exactness = steps::Exactness::everywhere,
    .run = derive_tasks,
};

}  // namespace cairn::eval
