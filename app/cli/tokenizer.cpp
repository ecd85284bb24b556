// cairn tokenizer eval|convert: tokenizers side by side on texts in many languages; a tokenizer of any format as tokenizer.json.
#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/layout.h"
#include "app/cli/tokenizer_report.h"
#include "app/cli/tokenizer_texts.h"
#include "app/cli/verbs.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/text/tokenizer_formats.h"
#include "lineage/workspace.h"

namespace cairn::app {
namespace {

struct TokenizerOptions {
  std::string action, report, to;
  std::vector<std::string> paths, tokenizers;
  bool parallel = false;
};

// A path, or the name of an artifact.
fs::path tokenizer_path(Session& session, const std::string& name) {
  if (fs::exists(name)) return name;
  lineage::Workspace& workspace = session.workspace_for_reading();
  return workspace.path_of(workspace.ledger().resolve(name).id);
}

Json language_json(const text::LanguageMeasure& measure) {
  return {{"bytes", measure.bytes},
          {"characters", measure.characters},
          {"words", measure.words},
          {"tokens", measure.tokens},
          {"special_or_unknown", measure.unknown},
          {"tokens_per_word", measure.tokens_per_word()},
          {"bytes_per_token", measure.bytes_per_token()}};
}

Json measure_json(const MeasuredTokenizer& tokenizer) {
  const text::TokenizerMeasure& measure = tokenizer.measure;
  Json languages = Json::object();
  for (const text::LanguageMeasure& language : measure.languages) languages[language.language] = language_json(language);
  return {{"tokenizer", tokenizer.name},
          {"all", language_json(measure.all)},
          {"languages", languages},
          {"vocabulary", measure.vocabulary},
          {"vocabulary_used", measure.used},
          {"gini", measure.gini},
          {"worst_over_best", measure.worst_ratio},
          {"worst", measure.worst},
          {"best", measure.best}};
}

void print_tables(const std::vector<MeasuredTokenizer>& tokenizers) {
  TextTable table(
      {"tokenizer", "vocabulary", "used", "tokens", "tokens/word", "bytes/token", "Gini", "dearest/cheapest", "unknown"});
  for (const MeasuredTokenizer& tokenizer : tokenizers) {
    const text::TokenizerMeasure& m = tokenizer.measure;
    table.add({tokenizer.name, std::to_string(m.vocabulary),
               fmt::format("{:.1f}%",
                           100.0 * static_cast<double>(m.used) / static_cast<double>(std::max<std::int64_t>(m.vocabulary, 1))),
               std::to_string(m.all.tokens), fmt::format("{:.3f}", m.all.tokens_per_word()),
               fmt::format("{:.3f}", m.all.bytes_per_token()), fmt::format("{:.3f}", m.gini),
               fmt::format("{:.2f} {}/{}", m.worst_ratio, m.worst, m.best), std::to_string(m.all.unknown)});
  }
  fmt::print("{}\n", table.render());
  std::vector<std::string> header = {"tokens/word (bytes/token)"};
  for (const MeasuredTokenizer& tokenizer : tokenizers) header.push_back(tokenizer.name);
  TextTable languages(header);
  for (std::size_t i = 0; i < tokenizers[0].measure.languages.size(); ++i) {
    std::vector<std::string> row = {tokenizers[0].measure.languages[i].language};
    for (const MeasuredTokenizer& tokenizer : tokenizers) {
      const text::LanguageMeasure& language = tokenizer.measure.languages[i];
      row.push_back(fmt::format("{:.3f} ({:.2f})", language.tokens_per_word(), language.bytes_per_token()));
    }
    languages.add(row);
  }
  fmt::print("{}", languages.render());
}

ExitCode eval(Session& session, const TokenizerOptions& options) {
  if (options.paths.empty() || options.tokenizers.empty())
    fail_usage("tokenizer eval: expected texts and at least one --tokenizer");
  const std::vector<text::LabelledText> texts = read_labelled_texts(options.paths);
  std::vector<MeasuredTokenizer> measured;
  for (const std::string& given : options.tokenizers) {
    // NAME=PATH, or a path whose last parts name it.
    const std::size_t equals = given.find('=');
    const std::string name = equals == std::string::npos ? given : given.substr(0, equals);
    const fs::path path = tokenizer_path(session, equals == std::string::npos ? given : given.substr(equals + 1));
    const text::Tokenizer tokenizer = text::Tokenizer::load(path);
    measured.push_back({name.size() > 40 ? path.filename().string() : name,
                        text::measure_tokenizer(tokenizer, texts, options.parallel, session.threads())});
  }
  if (!options.report.empty())
    write_file_atomically(options.report, tokenizer_report(measured, texts.size(), options.parallel, session.version()));
  if (session.json()) {
    Json json = Json::array();
    for (const MeasuredTokenizer& tokenizer : measured) json.push_back(measure_json(tokenizer));
    print_json(json);
    return ExitCode::done;
  }
  print_tables(measured);
  if (!options.report.empty()) fmt::print("\nreport: {}\n", options.report);
  return ExitCode::done;
}

ExitCode convert(Session& session, const TokenizerOptions& options) {
  if (options.paths.size() != 1 || options.to.empty()) fail_usage("tokenizer convert: expected one FILE and --to FOLDER");
  const fs::path file = text::tokenizer_file(tokenizer_path(session, options.paths[0]));
  const text::TokenizerFile read = text::read_tokenizer_file(read_file(file), file.string());
  const Json* already = std::get_if<Json>(&read);
  const auto* ranks = std::get_if<text::RankFile>(&read);
  const Json json = already ? *already
                    : ranks ? text::tokenizer_json_of(*ranks)
                            : text::tokenizer_json_of(std::get<text::SentencePieceFile>(read));
  const std::string bytes = canonical_json(json) + "\n";
  const text::Tokenizer tokenizer = text::Tokenizer::from_bytes(bytes, "tokenizer.json");  // what we write, we can read
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}};
  const std::pair<const char*, const char*> names[] = {
      {"unk_token", "<unk>"}, {"bos_token", "<s>"}, {"eos_token", "</s>"}, {"pad_token", "<pad>"}};
  for (const auto& [key, token] : names) {
    const auto id = tokenizer.id_of(token);
    if (id && tokenizer.is_special(*id)) config[key] = token;
  }
  const fs::path folder = options.to;
  real_disk().make_directories(folder);
  write_file_atomically(folder / "tokenizer.json", bytes);
  write_file_atomically(folder / "tokenizer_config.json", pretty_json(config));
  if (session.json())
    print_json({{"tokenizer", (folder / "tokenizer.json").string()}, {"vocabulary", tokenizer.vocab_size()}});
  else
    fmt::print("{}: {} tokens, {}\n", (folder / "tokenizer.json").string(), tokenizer.vocab_size(), format_bytes(bytes.size()));
  return ExitCode::done;
}

}  // namespace

void add_tokenizer(CommandLine& line, Session& session) {
  auto options = std::make_shared<TokenizerOptions>();
  line.verb("tokenizer", Phase::look,
            "compare tokenizers on texts in many languages, or turn one into tokenizer.json: tokenizer eval, tokenizer convert")
      .positional(options->action, "ACTION", "eval or convert")
      .positionals(options->paths, "PATH",
                   "eval: texts, as files or folders, each named after its language (LANGUAGE=PATH, or the file's name), or "
                   "curated documents; "
                   "convert: a SentencePiece model, a tekken.json or a tiktoken file",
                   false)
      .option(options->tokenizers, "--tokenizer", "TOKENIZER",
              "a file of any format, a folder, or an artifact; NAME=... to call it so")
      .flag(options->parallel, "--parallel", "the texts are translations of one another: parity counts tokens per text")
      .option(options->report, "--report", "FILE", "write the comparison as one HTML file")
      .option(options->to, "--to", "FOLDER", "where convert writes tokenizer.json and tokenizer_config.json")
      .example("cairn tokenizer eval udhr/*.xml --parallel --tokenizer base.tokenizer --tokenizer mistral=tekken.json",
               "two side by side")
      .run([&session, options] {
        if (options->action == "eval") return eval(session, *options);
        if (options->action == "convert") return convert(session, *options);
        fail_usage("tokenizer {}: expected eval or convert", options->action);
      });
}

}  // namespace cairn::app
