// cairn docs CURATION: documents that a curation has seen, by what became of them: a drawn sample, the same each time. Looks
// through the decisions; texts are read only where --text asks for them, and only of what is shown.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/document_search.h"
#include "app/cli/layout.h"
#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
#include "base/utf8.h"
#include "engine/data/document_lookup.h"
#include "engine/data/public_suffix.h"
#include "engine/data/sample_text.h"

namespace cairn::app {
namespace {

struct Options {
  std::string curation, dropped_by, rule, language, source, domain;
  bool kept = false, held_out = false, dropped = false, edited = false, all = false;
  std::int64_t sample = 20, text = 0, seed = 0;
};

// "gopher.repetition" and "gopher_repetition" are one name.
std::string plain(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '.', '_');
  return out;
}

class Question {
 public:
  explicit Question(const Options& options)
      : options_(options), by_(plain(options.dropped_by)), domain_(data::canonical_host(options.domain)) {
    if (options.kept + options.held_out + options.dropped > 1)
      fail_usage("docs: --kept, --held-out and --dropped exclude one another");
    const bool dropped = options.dropped || !by_.empty() || !options.rule.empty();
    if (dropped && (options.kept || options.held_out)) fail_usage("docs: what a filter dropped was not kept");
    if (options.kept) verdict_ = data::Verdict::kept;
    if (options.held_out) verdict_ = data::Verdict::held_out;
    if (dropped) verdict_ = data::Verdict::dropped;
    if (!options.domain.empty() && domain_.empty()) fail_usage("--domain '{}': expected a host: example.org", options.domain);
  }

  bool matches(const data::DecisionGlance& d) const {
    if (verdict_ && d.verdict != *verdict_) return false;
    if (options_.edited && !d.edited) return false;
    if (!options_.language.empty() && d.language != options_.language) return false;
    if (!options_.source.empty() && d.source != options_.source) return false;
    if (!options_.rule.empty() && d.rule != options_.rule) return false;
    if (!by_.empty() && plain(d.filter) != by_ && plain(fmt::format("{}.{}", d.filter, d.rule)) != by_) return false;
    return domain_.empty() || in_domain(d.url);
  }

  // "dropped by gopher_repetition, in de"
  std::string words() const {
    std::string out = !options_.dropped_by.empty() ? "dropped by " + options_.dropped_by
                      : verdict_                   ? data::verdict_name(*verdict_)
                                                   : "";
    const auto add = [&out](const std::string& words) { out += (out.empty() ? "" : ", ") + words; };
    if (!options_.rule.empty()) add("by rule " + options_.rule);
    if (options_.edited) add("edited");
    if (!options_.language.empty()) add("in " + options_.language);
    if (!options_.source.empty()) add("of " + options_.source);
    if (!options_.domain.empty()) add("from " + options_.domain);
    return out;
  }

 private:
  bool in_domain(std::string_view url) const {
    if (url.find("://") == std::string_view::npos) return false;
    const std::string host = data::canonical_host(url);
    return host == domain_ ||
           (host.size() > domain_.size() && host.ends_with(domain_) && host[host.size() - domain_.size() - 1] == '.');
  }

  const Options& options_;
  std::string by_, domain_;
  std::optional<data::Verdict> verdict_;
};

// ---- which curation

Curation curation_named(lineage::Workspace& workspace, const std::string& text) {
  const lineage::Ledger& ledger = workspace.ledger();
  const bool number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  const lineage::Artifact named = ledger.resolve(number ? text + ".decisions" : text);
  for (const lineage::Run& run : ledger.producers(named.id)) {
    for (const lineage::RunOutput& output : run.outputs) {
      if (ledger.artifact(output.artifact).kind != "decisions") continue;
      const std::string label = artifact_label(ledger, output.artifact);
      const std::size_t dot = label.find(".decisions");
      return {run, dot == std::string::npos ? run.op : label.substr(0, dot), data::Decisions(workspace.path_of(output.artifact))};
    }
  }
  fail_usage("docs: '{}' is {}, which no curation made", text, named.kind);
}

// ---- which documents

struct Found {
  std::int64_t matching = 0;
  std::vector<std::size_t> shown;  // in the order of their draws, or all in order of id
};

Found look(const data::Decisions& decisions, const Question& question, const Options& options) {
  Found found;
  std::vector<std::pair<std::uint64_t, std::size_t>> drawn;  // a heap of the least draws
  const auto most = static_cast<std::size_t>(options.sample);
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (!question.matches(decisions.glance(i))) continue;
    ++found.matching;
    if (options.all) {
      found.shown.push_back(i);
      continue;
    }
    const std::pair draw{decisions.draw(i, static_cast<std::uint64_t>(options.seed)), i};
    if (drawn.size() == most && (most == 0 || drawn.front() < draw)) continue;
    drawn.push_back(draw);
    std::push_heap(drawn.begin(), drawn.end());
    if (drawn.size() <= most) continue;
    std::pop_heap(drawn.begin(), drawn.end());
    drawn.pop_back();
  }
  std::sort_heap(drawn.begin(), drawn.end());
  for (const auto& [draw, index] : drawn) found.shown.push_back(index);
  return found;
}

// What may have been misspelt, where nothing was found.
void fail_on_unknown_names(const data::Decisions& decisions, const Options& options) {
  std::set<std::string, std::less<>> languages, sources, filters, rules;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const data::DecisionGlance d = decisions.glance(i);
    languages.emplace(d.language);
    sources.emplace(d.source);
    if (d.verdict != data::Verdict::dropped) continue;
    rules.emplace(d.rule);
    filters.emplace(d.filter);
    filters.insert(fmt::format("{}.{}", d.filter, d.rule));
  }
  const auto check = [](const char* option, const std::string& asked, const std::set<std::string, std::less<>>& known,
                        const char* what) {
    if (asked.empty()) return;
    for (const std::string& name : known) {
      if (plain(name) == plain(asked)) return;
    }
    const std::string near = nearest_name(asked, {known.begin(), known.end()});
    fail_usage("{} '{}': {}{}", option, asked, what, near.empty() ? "" : fmt::format(". Did you mean '{}'?", near));
  };
  check("--dropped-by", options.dropped_by, filters, "nothing was dropped by it");
  check("--rule", options.rule, rules, "nothing was dropped by it");
  check("--language", options.language, languages, "the curation has seen no document in it");
  check("--source", options.source, sources, "the curation has seen no document of it");
}

// ---- their texts

using Texts = std::map<data::DocumentName, data::Document>;

// Of kept documents as they were written, of dropped ones as they came in.
Texts texts_of(Session& session, const Curation& curation, const std::vector<data::Decision>& shown) {
  lineage::Workspace& workspace = session.workspace_for_reading();
  const auto read = [&](const std::vector<lineage::RunOutput>& artifacts, const std::string& role,
                        const std::vector<data::DocumentName>& wanted, Texts& texts) {
    std::vector<std::filesystem::path> folders;
    for (const lineage::RunOutput& artifact : artifacts) {
      if (artifact.role == role) folders.push_back(workspace.path_of(artifact.artifact));
    }
    texts.merge(data::find_documents(folders, wanted, session.threads()));
  };
  std::map<std::string, std::vector<data::DocumentName>> of_outputs;
  std::vector<data::DocumentName> dropped;
  for (const data::Decision& d : shown)
    (d.verdict == data::Verdict::dropped ? dropped : of_outputs[output_role(d)]).emplace_back(d.id, d.url);
  Texts texts;
  for (const auto& [role, wanted] : of_outputs) read(curation.run.outputs, role, wanted, texts);
  if (!dropped.empty()) read(curation.run.inputs, "documents", dropped, texts);
  return texts;
}

std::string beginning(const std::string& text, std::int64_t characters) {
  std::size_t at = 0;
  for (std::int64_t i = 0; i < characters && at < text.size(); ++i)
    at += static_cast<std::size_t>(std::max(decode_utf8(text, at).bytes, 1));
  std::string begins = data::sample_text(text, at);
  if (begins.size() < text.size() && at < text.size()) begins += " ...";
  return begins;
}

// ---- the verb

std::string fate(const data::Decision& d) {
  const std::string why = d.reason.empty() ? "" : ": " + d.reason;
  if (d.verdict == data::Verdict::dropped)
    return fmt::format("dropped by {}{}{}{}", d.filter, d.rule.empty() ? "" : ".", d.rule, why);
  return std::string(data::verdict_name(d.verdict)) + (d.edited ? "; edited by " + d.reason : "");
}

ExitCode docs(Session& session, const Options& options) {
  if (options.sample < 0 || options.sample > 100'000) fail_usage("--sample {}: expected 0 to 100000", options.sample);
  if (options.text < 0) fail_usage("--text {}: expected a number of characters", options.text);
  const Question question(options);
  const Curation curation = curation_named(session.workspace_for_reading(), options.curation);
  const Found found = look(curation.decisions, question, options);
  if (found.matching == 0) fail_on_unknown_names(curation.decisions, options);
  std::vector<data::Decision> shown;
  for (const std::size_t index : found.shown) shown.push_back(curation.decisions.at(index));
  const Texts texts = options.text > 0 ? texts_of(session, curation, shown) : Texts();
  const auto text_of = [&](const data::Decision& d) -> std::optional<std::string> {
    const auto text = texts.find({d.id, d.url});
    if (text == texts.end()) return std::nullopt;
    return beginning(text->second.text, options.text);
  };

  if (session.json()) {
    Json documents = Json::array();
    for (const data::Decision& d : shown) {
      Json& entry = documents.emplace_back(decision_json(d));
      if (options.text > 0) {
        const std::optional<std::string> text = text_of(d);
        entry["begins"] = text ? Json(*text) : Json(nullptr);
      }
    }
    print_json({{"step", curation.name},
                {"run", curation.run.id},
                {"documents_in", curation.decisions.size()},
                {"matching", found.matching},
                {"documents", documents}});
    return found.matching == 0 ? ExitCode::failed : ExitCode::done;
  }
  const std::string words = question.words();
  const auto count = static_cast<std::int64_t>(shown.size());
  print_wrapped(fmt::format("{} (run {}): {} of {} documents{}{}", curation.name, curation.run.id, found.matching,
                            curation.decisions.size(), words.empty() ? "" : " " + words,
                            count > 0 && count < found.matching ? fmt::format("; {} of them, drawn", count) : ""));
  for (const data::Decision& d : shown) {
    print_wrapped(fmt::format("\n{}  {}{} of {}, {}", d.url, data::kIdPrefix, d.id.short_hex(), d.source, d.language));
    print_wrapped("  " + fate(d));
    if (!d.evidence.empty()) print_wrapped("  by " + d.evidence);
    if (options.text == 0) continue;
    std::string text = text_of(d).value_or("(its text is not where it was)");
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    print_wrapped("  | " + text);
  }
  return found.matching == 0 ? ExitCode::failed : ExitCode::done;
}

}  // namespace

void add_docs(CommandLine& line, Session& session) {
  auto options = std::make_shared<Options>();
  line.verb("docs", Phase::look, "documents that a curation kept or dropped, by rule, language, source: a drawn sample")
      .positional(options->curation, "CURATION", "its name (clean, clean@2), or its run's number")
      .option(options->dropped_by, "--dropped-by", "FILTER", "what this filter dropped; FILTER.RULE: what that rule did")
      .option(options->rule, "--rule", "RULE", "what a rule of this name dropped, in whichever filter")
      .flag(options->kept, "--kept", "what was kept")
      .flag(options->held_out, "--held-out", "what was held out for evaluation")
      .flag(options->dropped, "--dropped", "what was dropped, by anything")
      .flag(options->edited, "--edited", "what a filter changed")
      .option(options->language, "--language", "CODE", "in this language")
      .option(options->source, "--source", "NAME", "of this source")
      .option(options->domain, "--domain", "HOST", "whose address lies on this host or below it")
      .option(options->sample, "--sample", "N", "how many to show (default: 20)")
      .option(options->seed, "--seed", "N", "draws others (default: 0)")
      .flag(options->all, "--all", "shows all, in order of their ids")
      .option(options->text, "--text", "N", "also the first N characters of each, with personal identifiers masked")
      .example("cairn docs clean --dropped-by gopher_repetition --language de --sample 20", "what that filter dropped in German")
      .example("cairn docs clean --kept --domain example.org --text 200", "how what was kept of a site begins")
      .run([&session, options] { return docs(session, *options); });
}

}  // namespace cairn::app
