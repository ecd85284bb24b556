// fastText's supervised models, run on a text: language identification, quality, toxicity.
//
// Predictions are those of the reference (its `predict` of a line), loss by loss: the line's words, hashed character n-grams
// and word n-grams are rows of the input matrix; their mean, times the output matrix, becomes a score for each label. All sums
// keep the reference's order. Line ends inside a text count as spaces, as datatrove and others hand texts over, and the
// end-of-line word is looked up behind it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "engine/data/classifiers/fasttext_file.h"

namespace cairn::data {

struct FastTextPrediction {
  std::int32_t label = 0;
  float score = 0;  // a probability; softmax and hs can exceed 1 by 1e-5, as in the reference
};

// Any thread may use one.
class FastTextModel {
 public:
  explicit FastTextModel(const std::filesystem::path& path);       // mapped; errors as read_fasttext()
  FastTextModel(std::string_view bytes, const std::string& name);  // `bytes` must outlive it

  std::int32_t labels() const { return file_.dictionary.labels(); }
  std::string_view label(std::int32_t index) const { return file_.dictionary.label(index); }  // "__label__en"
  const FastTextFile& file() const { return file_; }

  // The `most` best labels with at least `threshold`, best first; labels of equal score by number. None for a text without
  // anything that the model knows. Under hierarchical softmax labels below 1e-5 are never found.
  std::vector<FastTextPrediction> predict(std::string_view text, std::int32_t most = 1, float threshold = 0) const;

  // Rows of the input matrix that a text is the mean of.
  std::vector<std::int32_t> rows_of(std::string_view text) const;

 private:
  void build_tree();
  void add_word(std::string_view token, std::int32_t entry, std::vector<std::int32_t>& rows) const;
  void add_character_ngrams(std::string_view token, std::vector<std::int32_t>& rows) const;
  std::vector<float> hidden(const std::vector<std::int32_t>& rows) const;
  void walk_tree(std::span<const float> hidden, std::int32_t most, float threshold, std::vector<FastTextPrediction>& found) const;
  void score_labels(std::span<const float> hidden, std::int32_t most, float threshold,
                    std::vector<FastTextPrediction>& found) const;

  struct Node {  // of the hierarchical softmax; leaves are labels
    std::int32_t left = -1, right = -1;
  };

  MappedFile mapped_;
  FastTextFile file_;
  std::vector<Node> tree_;
  std::vector<float> sigmoid_;  // at 513 places between -8 and 8
};

}  // namespace cairn::data
