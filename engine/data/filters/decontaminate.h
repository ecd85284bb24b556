// decontaminate: finds what stands in evaluation sets (evaluation_texts.h) and drops the document, cuts the passages, or only
// reports them.
//
// Rule "ngrams" (GPT-3; datatrove with 12 words): a run of `ngram_words` words of an item's simplified text stands in the
// document, and at least `min_share` of the item's words are in such runs. Rule "spans" (Apertus' post-training data,
// spec/data.md §1.7, on words): where such a run stands, the matching blocks of at least five words between the item and the text
// around (an item's length to both sides) make up more than `min_share` of the item. It finds items that were reworded or filled
// with other numbers.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/data/evaluation_texts.h"
#include "engine/data/filters/filter.h"

namespace cairn::data {

struct DecontaminateParams {
  enum class Action { drop, cut, report };
  bool spans = false;  // the rule
  std::vector<std::string> fields = {"text"};
  std::size_t ngram_words = 13;
  double min_share = 0;
  Action action = Action::drop;
};

// An item that stands in a text.
struct Contamination {
  std::string item;                                        // "gsm8k/test#12"
  std::size_t words = 0, of = 0;                           // of the item that were found, of how many
  std::vector<std::pair<std::size_t, std::size_t>> bytes;  // of the text, in order
};

// What a judgement keeps as evidence, and reads back from it: "gsm8k/test#12 45/46 120-480+500-530, ...".
std::string contamination_text(const std::vector<Contamination>& found);
std::vector<Contamination> parse_contamination(std::string_view evidence);

class Decontaminate : public Filter {
 public:
  Decontaminate(DecontaminateParams params, const std::filesystem::path& sets);
  // The rule of a drop is the benchmark of the item of which most words were found.
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;
  std::vector<Contamination> find(std::string_view text) const;  // by share, largest first, then by item

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config, const std::vector<std::filesystem::path>& files);

 private:
  DecontaminateParams params_;
  EvaluationTexts texts_;
};

}  // namespace cairn::data
