#include "engine/data/classifiers/fasttext.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

namespace cairn::data {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::string_view kEndOfLine = "</s>";
constexpr std::string_view kLabelPrefix = "__label__";
constexpr std::int32_t kSigmoidSteps = 512;
constexpr float kSigmoidEnd = 8;

bool separates(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

float log_of(float probability) {
  return static_cast<float>(std::log(static_cast<double>(probability) + 1e-5));
}

bool better(const FastTextPrediction& a, const FastTextPrediction& b) {
  return a.score != b.score ? a.score > b.score : a.label < b.label;
}

// Keeps the `most` best of what is put in; `score` is a logarithm meanwhile.
class Best {
 public:
  Best(std::vector<FastTextPrediction>& heap, std::int32_t most)
      : heap_(heap), most_(static_cast<std::size_t>(std::max(most, 0))) {}
  // Whether nothing as low as `score` will be kept any more.
  bool full_above(float score) const { return most_ == 0 || (heap_.size() == most_ && score < heap_.front().score); }
  void put(float score, std::int32_t label) {
    if (full_above(score)) return;
    heap_.push_back({label, score});
    std::push_heap(heap_.begin(), heap_.end(), better);
    if (heap_.size() <= most_) return;
    std::pop_heap(heap_.begin(), heap_.end(), better);
    heap_.pop_back();
  }

 private:
  std::vector<FastTextPrediction>& heap_;
  std::size_t most_;
};

}  // namespace

FastTextModel::FastTextModel(const std::filesystem::path& path)
    : mapped_(path), file_(read_fasttext(mapped_.text(), path.string())) {
  build_tree();
}

FastTextModel::FastTextModel(std::string_view bytes, const std::string& name) : file_(read_fasttext(bytes, name)) {
  build_tree();
}

// Huffman's tree over the labels, whose counts the file has in descending order: labels are nodes 0 to k-1, each inner node is
// behind its children.
void FastTextModel::build_tree() {
  if (file_.args.loss == FastTextLoss::negative_sampling || file_.args.loss == FastTextLoss::one_vs_all) {
    for (std::int32_t i = 0; i <= kSigmoidSteps; ++i) {
      const float x = static_cast<float>(i * 2) * kSigmoidEnd / static_cast<float>(kSigmoidSteps) - kSigmoidEnd;
      sigmoid_.push_back(static_cast<float>(1.0 / (1.0 + static_cast<double>(std::exp(-x)))));
    }
  }
  if (file_.args.loss != FastTextLoss::hierarchical_softmax) return;
  constexpr std::int64_t kUnbuilt = 1'000'000'000'000'000;
  const std::vector<std::int64_t>& label_counts = file_.dictionary.label_counts();
  const auto k = static_cast<std::int32_t>(label_counts.size());
  tree_.resize(2 * static_cast<std::size_t>(k) - 1);
  std::vector<std::int64_t> counts(tree_.size(), kUnbuilt);
  std::copy(label_counts.begin(), label_counts.end(), counts.begin());
  std::int32_t leaf = k - 1, inner = k;
  for (std::int32_t node = k; node < 2 * k - 1; ++node) {
    const auto take = [&] {
      const bool from_leaves = leaf >= 0 && counts[static_cast<std::size_t>(leaf)] < counts[static_cast<std::size_t>(inner)];
      return from_leaves ? leaf-- : inner++;
    };
    Node& made = tree_[static_cast<std::size_t>(node)];
    made.left = take();
    made.right = take();
    counts[static_cast<std::size_t>(node)] =
        std::min(kUnbuilt, counts[static_cast<std::size_t>(made.left)] + counts[static_cast<std::size_t>(made.right)]);
  }
}

void FastTextModel::add_character_ngrams(std::string_view token, std::vector<std::int32_t>& rows) const {
  const FastTextArgs& args = file_.args;
  const auto bucket = static_cast<std::uint32_t>(args.bucket);
  // hash % bucket by two products (Lemire, Kaser and Kurz 2019).
  const std::uint64_t inverse = ~std::uint64_t{0} / bucket + 1;
  const auto bucket_of = [&](std::uint32_t hash) {
    return static_cast<std::int32_t>(static_cast<Wide>(inverse * hash) * bucket >> 64);
  };
  constexpr std::size_t kShort = 64;
  char room[kShort + 2];
  std::string long_word;
  const char* word = room;
  const std::size_t size = token.size() + 2;
  if (token.size() <= kShort) {
    room[0] = '<';
    std::memcpy(room + 1, token.data(), token.size());
    room[size - 1] = '>';
  } else {
    long_word.append("<").append(token).append(">");
    word = long_word.data();
  }
  const auto continues = [&](std::size_t i) { return (word[i] & 0xC0) == 0x80; };
  for (std::size_t begin = 0; begin < size; ++begin) {
    if (continues(begin)) continue;
    std::uint32_t hash = FastTextDictionary::kBasis;
    std::size_t end = begin;
    for (std::int32_t n = 1; end < size && n <= args.maxn; ++n) {
      do {
        hash = FastTextDictionary::extend(hash, word[end++]);
      } while (end < size && continues(end));
      if (n < args.minn || (n == 1 && (begin == 0 || end == size))) continue;
      const std::int32_t row = file_.dictionary.row_of_ngram(bucket_of(hash));
      if (row >= 0) rows.push_back(row);
    }
  }
}

void FastTextModel::add_word(std::string_view token, std::int32_t entry, std::vector<std::int32_t>& rows) const {
  if (entry >= 0) rows.push_back(entry);
  if (file_.args.maxn > 0 && token != kEndOfLine) add_character_ngrams(token, rows);
}

std::vector<std::int32_t> FastTextModel::rows_of(std::string_view text) const {
  const FastTextDictionary& dictionary = file_.dictionary;
  std::vector<std::int32_t> rows;
  rows.reserve(std::min<std::size_t>(4 * text.size(), 1 << 16));
  std::vector<std::int32_t> hashes;  // of the words, in order
  const auto add = [&](std::string_view token) {
    const std::uint32_t hash = FastTextDictionary::hash(token);
    const std::int32_t entry = dictionary.find(token, hash);
    const bool word = entry < 0 ? !token.starts_with(kLabelPrefix) : entry < dictionary.words();
    if (!word) return;
    add_word(token, entry, rows);
    hashes.push_back(static_cast<std::int32_t>(hash));
  };
  for (std::size_t at = 0; at < text.size();) {
    if (separates(text[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    while (at < text.size() && !separates(text[at])) ++at;
    const std::string_view token = text.substr(begin, at - begin);
    if (token == kEndOfLine) break;  // ends the line for the reference too
    add(token);
  }
  add(kEndOfLine);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    auto hash = static_cast<std::uint64_t>(std::int64_t{hashes[i]});
    for (std::size_t j = i + 1; j < hashes.size() && j < i + static_cast<std::size_t>(std::max(file_.args.word_ngrams, 1)); ++j) {
      hash = hash * 116049371u + static_cast<std::uint64_t>(std::int64_t{hashes[j]});
      const std::int32_t row =
          dictionary.row_of_ngram(static_cast<std::int32_t>(hash % static_cast<std::uint64_t>(file_.args.bucket)));
      if (row >= 0) rows.push_back(row);
    }
  }
  return rows;
}

std::vector<float> FastTextModel::hidden(const std::vector<std::int32_t>& rows) const {
  std::vector<float> mean(static_cast<std::size_t>(file_.args.dim), 0.0f);
  file_.input.add_rows(rows, mean);
  const auto scale = static_cast<float>(1.0 / static_cast<double>(rows.size()));
  for (float& value : mean) value *= scale;
  return mean;
}

void FastTextModel::score_labels(std::span<const float> hidden, std::int32_t most, float threshold,
                                 std::vector<FastTextPrediction>& found) const {
  std::vector<float> scores(static_cast<std::size_t>(labels()));
  file_.output.dot_rows(0, hidden, scores);
  if (file_.args.loss == FastTextLoss::softmax) {
    float highest = scores[0];
    for (const float score : scores) highest = std::max(score, highest);
    float sum = 0;
    for (float& score : scores) {
      score = static_cast<float>(std::exp(static_cast<double>(score - highest)));
      sum += score;
    }
    for (float& score : scores) score /= sum;
  } else {
    for (float& score : scores) {
      if (score < -kSigmoidEnd)
        score = 0;
      else if (score > kSigmoidEnd)
        score = 1;
      else if (score == score)
        score = sigmoid_[static_cast<std::size_t>((score + kSigmoidEnd) * kSigmoidSteps / kSigmoidEnd / 2)];
    }
  }
  Best best(found, most);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] >= threshold) best.put(log_of(scores[i]), static_cast<std::int32_t>(i));  // not what is no number
  }
}

void FastTextModel::walk_tree(std::span<const float> hidden, std::int32_t most, float threshold,
                              std::vector<FastTextPrediction>& found) const {
  struct Step {
    std::int32_t node;
    float score;
  };
  Best best(found, most);
  const float least = log_of(threshold);
  std::vector<Step> ahead = {{static_cast<std::int32_t>(tree_.size()) - 1, 0.0f}};
  while (!ahead.empty()) {
    const Step step = ahead.back();
    ahead.pop_back();
    if (!(step.score >= least) || best.full_above(step.score)) continue;
    const Node& node = tree_[static_cast<std::size_t>(step.node)];
    if (node.left < 0) {
      best.put(step.score, step.node);
      continue;
    }
    const float x = file_.output.dot_row(step.node - labels(), hidden);
    const auto right = static_cast<float>(1.0 / static_cast<double>(1 + std::exp(-x)));
    ahead.push_back({node.right, step.score + log_of(right)});
    ahead.push_back({node.left, step.score + log_of(static_cast<float>(1.0 - static_cast<double>(right)))});  // first
  }
}

std::vector<FastTextPrediction> FastTextModel::predict(std::string_view text, std::int32_t most, float threshold) const {
  std::vector<FastTextPrediction> found;
  const std::vector<std::int32_t> rows = rows_of(text);
  if (rows.empty()) return found;
  const std::vector<float> mean = hidden(rows);
  if (file_.args.loss == FastTextLoss::hierarchical_softmax)
    walk_tree(mean, most, threshold, found);
  else
    score_labels(mean, most, threshold, found);
  std::sort(found.begin(), found.end(), better);
  for (FastTextPrediction& prediction : found) prediction.score = std::exp(prediction.score);
  return found;
}

}  // namespace cairn::data
