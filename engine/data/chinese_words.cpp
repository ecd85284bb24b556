#include "engine/data/chinese_words.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "engine/data/characters.h"

namespace cairn::data {

namespace fs = std::filesystem;

namespace {

constexpr double kNever = -3.14e100;
constexpr const char* kStates[] = {"B", "E", "M", "S"};  // in this order equal probabilities are decided: the later one wins
enum State { kBegin, kEnd, kMiddle, kSingle };
// From where each state can be reached.
constexpr State kBefore[4][2] = {{kEnd, kSingle}, {kBegin, kMiddle}, {kMiddle, kBegin}, {kSingle, kEnd}};

bool is_han(char32_t c) {
  return c >= 0x4E00 && c <= 0x9FD5;
}
bool is_letter_or_digit(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}
// What a run is made of that the dictionary cuts.
bool is_in_run(char32_t c) {
  return is_han(c) || is_letter_or_digit(c) || c == '+' || c == '#' || c == '&' || c == '.' || c == '_' || c == '%' || c == '-';
}

// "P={'B': {'\u4e00': -3.65, ...}}" behind whatever lines Python needs.
Json read_model(std::string text, const std::string& file) {
  const std::size_t begin = text.find("P={");
  if (begin == std::string::npos) fail("{}: expected P={{'B': ...}}, as jieba's finalseg has it", file);
  text = text.substr(begin + 2);
  for (char& c : text) {
    if (c == '\'') c = '"';
  }
  return parse_json(text, file);
}

double number_of(const Json& value, const std::string& file) {
  if (!value.is_number()) fail("{}: expected logarithms of probabilities", file);
  return value.get<double>();
}

const Json& state_of(const Json& model, int state, const std::string& file) {
  const auto found = model.find(kStates[state]);
  if (found == model.end()) fail("{}: state '{}' is missing", file, kStates[state]);
  return *found;
}

ChineseWords::Files read_files(const fs::path& folder) {
  for (const char* name : {"dict.txt", "prob_start.py", "prob_trans.py", "prob_emit.py"}) {
    if (!fs::is_regular_file(folder / name))
      fail_usage("{}: no {} in this folder; copy jieba's dict.txt and finalseg/prob_*.py there", folder.string(), name);
  }
  return {read_file(folder / "dict.txt"), read_file(folder / "prob_start.py"), read_file(folder / "prob_trans.py"),
          read_file(folder / "prob_emit.py")};
}

}  // namespace

ChineseWords::ChineseWords(const fs::path& folder) : ChineseWords(read_files(folder), folder.string()) {}

ChineseWords::ChineseWords(const Files& files, const std::string& folder) {
  const std::string start_file = folder + "/prob_start.py", step_file = folder + "/prob_trans.py",
                    emit_file = folder + "/prob_emit.py";
  read_dictionary(files.dictionary, folder + "/dict.txt");
  const Json start = read_model(files.start, start_file), step = read_model(files.trans, step_file),
             emit = read_model(files.emit, emit_file);
  for (int state = 0; state < 4; ++state) {
    const auto s = static_cast<std::size_t>(state);
    start_[s] = number_of(state_of(start, state, start_file), start_file);
    step_[s].fill(kNever);
    for (int to = 0; to < 4; ++to) {
      const Json& from = state_of(step, state, step_file);
      if (const auto found = from.find(kStates[to]); found != from.end())
        step_[s][static_cast<std::size_t>(to)] = number_of(*found, step_file);
    }
    const Json& of_state = state_of(emit, state, emit_file);
    if (!of_state.is_object()) fail("{}: state '{}': expected logarithms by character", emit_file, kStates[state]);
    for (const auto& [character, value] : of_state.items()) {
      if (character.empty()) fail("{}: state '{}': an empty character", emit_file, kStates[state]);
      emit_[s][decode_utf8(character, 0).value] = number_of(value, emit_file);
    }
  }
}

void ChineseWords::read_dictionary(std::string_view text, const std::string& file) {
  if (const std::size_t bad = find_invalid_utf8(text); bad != std::string::npos) fail("{}: byte {} is not UTF-8", file, bad);
  double total = 0;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = strip(text.substr(at, end - at));
    at = end + 1;
    ++number;
    if (line.empty()) continue;
    const std::size_t space = line.find(' ');
    std::int64_t frequency = -1;
    if (space != std::string_view::npos) std::from_chars(line.data() + space + 1, line.data() + line.size(), frequency);
    if (frequency < 0) fail("{}: line {}: expected a word and how often it occurs", file, number);
    const std::string_view word = line.substr(0, space);
    frequencies_[std::string(word)] = static_cast<double>(frequency);
    total += static_cast<double>(frequency);
    for (std::size_t prefix = 0; prefix < word.size();) {
      prefix += static_cast<std::size_t>(decode_utf8(word, prefix).bytes);
      frequencies_.try_emplace(std::string(word.substr(0, prefix)), 0);
    }
  }
  if (total <= 0) fail("{}: no word with a frequency", file);
  log_total_ = std::log(total);
}

void ChineseWords::split(std::string_view text, std::vector<std::string_view>& words) const {
  Characters run;
  const auto end_run = [&] {
    if (!run.empty()) split_run(text, run, words);
    run.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const std::size_t end = at + static_cast<std::size_t>(c.bytes);
    if (is_in_run(c.value)) {
      run.push_back({c.value, at, end});
    } else {
      end_run();
      const std::string_view character = text.substr(at, end - at);
      if (!strip(character).empty()) words.push_back(character);
    }
    at = end;
  }
  end_run();
}

void ChineseWords::split_run(std::string_view text, const Characters& run, std::vector<std::string_view>& words) const {
  const std::size_t size = run.size();
  // From the back: the best way to cut what begins at each character, and where its first word ends (exclusive).
  std::vector<double> best(size + 1, 0);
  std::vector<std::size_t> next(size + 1, 0);
  std::string piece;
  for (std::size_t i = size; i-- > 0;) {
    best[i] = -std::numeric_limits<double>::infinity();
    const auto consider = [&](std::size_t end, double frequency) {
      const double value = std::log(frequency > 0 ? frequency : 1) - log_total_ + best[end];
      if (value >= best[i]) {  // of equally probable ones the longest
        best[i] = value;
        next[i] = end;
      }
    };
    bool any = false;
    piece.clear();
    for (std::size_t end = i; end < size; ++end) {
      piece += text.substr(run[end].begin, run[end].end - run[end].begin);
      const auto found = frequencies_.find(piece);
      if (found == frequencies_.end()) break;
      if (found->second > 0) {
        consider(end + 1, found->second);
        any = true;
      }
    }
    if (!any) {
      const auto single = frequencies_.find(std::string(text.substr(run[i].begin, run[i].end - run[i].begin)));
      consider(i + 1, single == frequencies_.end() ? 0 : single->second);
    }
  }
  // Characters that stayed alone, side by side, may be a word that the dictionary lacks.
  std::size_t alone = 0;
  const auto end_alone = [&](std::size_t end) {
    if (alone == 0) return;
    const std::size_t first = end - alone;
    const std::string_view all = text.substr(run[first].begin, run[end - 1].end - run[first].begin);
    const auto known = frequencies_.find(std::string(all));
    if (alone == 1)
      words.push_back(all);
    else if (known == frequencies_.end() || known->second == 0)
      split_unknown(text, &run[first], alone, words);
    else
      for (std::size_t i = first; i < end; ++i) words.push_back(text.substr(run[i].begin, run[i].end - run[i].begin));
    alone = 0;
  };
  for (std::size_t i = 0; i < size; i = next[i]) {
    if (next[i] == i + 1) {
      ++alone;
      continue;
    }
    end_alone(i);
    words.push_back(text.substr(run[i].begin, run[next[i] - 1].end - run[i].begin));
  }
  end_alone(size);
}

void ChineseWords::split_unknown(std::string_view text, const Character* run, std::size_t size,
                                 std::vector<std::string_view>& words) const {
  const auto push = [&](std::size_t from, std::size_t to) {
    if (from < to) words.push_back(text.substr(run[from].begin, run[to - 1].end - run[from].begin));
  };
  for (std::size_t i = 0; i < size;) {
    const std::size_t begin = i;
    if (is_han(run[i].value)) {
      while (i < size && is_han(run[i].value)) ++i;
      split_by_states(text, run + begin, i - begin, words);
    } else if (is_letter_or_digit(run[i].value)) {  // letters and digits, a fraction, a per cent sign
      while (i < size && is_letter_or_digit(run[i].value)) ++i;
      if (i + 1 < size && run[i].value == '.' && is_digit(run[i + 1].value)) {
        for (++i; i < size && is_digit(run[i].value);) ++i;
      }
      if (i < size && run[i].value == '%') ++i;
      push(begin, i);
    } else {
      while (i < size && !is_han(run[i].value) && !is_letter_or_digit(run[i].value)) ++i;
      push(begin, i);
    }
  }
}

void ChineseWords::split_by_states(std::string_view text, const Character* run, std::size_t size,
                                   std::vector<std::string_view>& words) const {
  const auto emitted = [&](int state, std::size_t i) {
    const auto& of_state = emit_[static_cast<std::size_t>(state)];
    const auto found = of_state.find(run[i].value);
    return found == of_state.end() ? kNever : found->second;
  };
  std::vector<std::array<double, 4>> value(size);
  std::vector<std::array<State, 4>> from(size);
  for (int state = 0; state < 4; ++state)
    value[0][static_cast<std::size_t>(state)] = start_[static_cast<std::size_t>(state)] + emitted(state, 0);
  for (std::size_t i = 1; i < size; ++i) {
    for (int state = 0; state < 4; ++state) {
      const double here = emitted(state, i);
      double best = -std::numeric_limits<double>::infinity();
      State best_before = kBegin;
      for (const State before : kBefore[state]) {
        const double candidate = value[i - 1][before] + step_[before][static_cast<std::size_t>(state)] + here;
        if (candidate > best || (candidate == best && before > best_before)) {
          best = candidate;
          best_before = before;
        }
      }
      value[i][static_cast<std::size_t>(state)] = best;
      from[i][static_cast<std::size_t>(state)] = best_before;
    }
  }
  std::vector<State> states(size);
  states[size - 1] = value[size - 1][kSingle] >= value[size - 1][kEnd] ? kSingle : kEnd;
  for (std::size_t i = size - 1; i > 0; --i) states[i - 1] = from[i][states[i]];
  std::size_t begin = 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (states[i] == kBegin) begin = i;
    if (states[i] == kSingle) begin = i;
    if (states[i] != kEnd && states[i] != kSingle && i + 1 < size) continue;
    words.push_back(text.substr(run[begin].begin, run[i].end - run[begin].begin));
    begin = i + 1;
  }
}

}  // namespace cairn::data
