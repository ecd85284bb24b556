#include "engine/data/signals/signals.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/embedded.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/data/characters.h"

namespace cairn::data {

const std::vector<EmbeddedFile>& embedded_files();  // assets/robots

namespace {

constexpr std::string_view kTable = "signals.json";
constexpr std::array<const char*, 4> kPlaces = {"header", "meta", "robots.txt", "tdmrep.json"};

Json table_json() {
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name == kTable) return parse_json(file.text, file.name);
  }
  fail("{} is not in this program", kTable);
}

SignalFamily family_of(const std::string& name) {
  if (name == "robots") return SignalFamily::robots;
  if (name == "tdm") return SignalFamily::tdm;
  if (name == "content-signal") return SignalFamily::content_signal;
  if (name == "content-usage") return SignalFamily::content_usage;
  fail("{}: unknown family '{}'", kTable, name);
}

std::vector<std::string> strings(const Json& object, const char* key) {
  return object.contains(key) ? object.at(key).get<std::vector<std::string>>() : std::vector<std::string>();
}

}  // namespace

const char* signal_place_name(SignalPlace place) {
  return kPlaces[static_cast<std::size_t>(place)];
}

std::string signal_line_text(const SignalLine& line) {
  return fmt::format("{}{}{}{} {}: {}", signal_place_name(line.place), line.where.empty() ? "" : " (", line.where,
                     line.where.empty() ? "" : ")", line.name, line.value);
}

bool parse_signal_line(std::string_view text, SignalLine& line) {
  const auto place = std::find_if(kPlaces.begin(), kPlaces.end(), [text](std::string_view name) {
    return text.size() > name.size() && text.starts_with(name) && text[name.size()] == ' ';
  });
  if (place == kPlaces.end()) return false;
  line.place = static_cast<SignalPlace>(place - kPlaces.begin());
  std::string_view rest = text.substr(std::string_view(*place).size() + 1);
  line.where.clear();
  if (rest.starts_with('(')) {
    const std::size_t close = rest.find(") ");
    if (close == std::string_view::npos) return false;
    line.where = rest.substr(1, close - 1);
    rest.remove_prefix(close + 2);
  }
  const std::size_t colon = rest.find(": ");
  if (colon == std::string_view::npos || colon == 0) return false;
  line.name = rest.substr(0, colon);
  line.value = rest.substr(colon + 2);
  return true;
}

std::string join_signal_lines(const std::vector<SignalLine>& lines, std::string_view separator) {
  std::string text;
  for (const SignalLine& line : lines) {
    if (!text.empty()) text += separator;
    text += signal_line_text(line);
  }
  return text;
}

std::vector<SignalLine> split_signal_lines(std::string_view text, std::string_view separator) {
  std::vector<SignalLine> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    SignalLine line;
    if (parse_signal_line(text.substr(at, end - at), line)) lines.push_back(std::move(line));
    at = end + separator.size();
  }
  return lines;
}

const std::vector<Signal>& signal_table() {
  static const std::vector<Signal> table = [] {
    const Json json = table_json();
    std::vector<Signal> signals;
    // In the order of the list that has them all: objects are sorted by key.
    for (const Json& id : json.at("lists").at("all@1").at("signals")) {
      const Json& entry = json.at("signals").at(id.get<std::string>());
      signals.push_back({id.get<std::string>(), family_of(entry.at("family").get<std::string>()), strings(entry, "words"),
                         strings(entry, "parents"), entry.at("about").get<std::string>()});
    }
    return signals;
  }();
  return table;
}

std::vector<std::size_t> signals_named(const std::vector<std::string>& names) {
  const std::vector<Signal>& table = signal_table();
  std::vector<std::size_t> found;
  for (const std::string& name : names) {
    std::vector<std::string> ids{name};
    if (name.find('@') != std::string::npos) {
      const Json lists = table_json().at("lists");
      if (!lists.contains(name)) {
        std::string known;
        for (const auto& [list, entry] : lists.items()) known += (known.empty() ? "" : ", ") + list;
        fail_usage("unknown list of signals '{}'; known: {}", name, known);
      }
      ids = lists.at(name).at("signals").get<std::vector<std::string>>();
    }
    for (const std::string& id : ids) {
      const auto signal = std::find_if(table.begin(), table.end(), [&id](const Signal& s) { return s.id == id; });
      if (signal == table.end()) {
        std::string known;
        for (const Signal& s : table) known += (known.empty() ? "" : ", ") + s.id;
        fail_usage("unknown signal '{}'; known: {}", id, known);
      }
      found.push_back(static_cast<std::size_t>(signal - table.begin()));
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

// ---- dates

std::string day_of(std::string_view date) {
  constexpr std::string_view kMonths = "janfebmaraprmayjunjulaugsepoctnovdec";
  const std::string lower = lower_case_ascii(strip(date));
  int year = 0, month = 0, day = 0;
  const auto number = [&lower](std::size_t at, std::size_t digits) {
    int value = 0;
    for (std::size_t i = at; i < at + digits; ++i) {
      if (i >= lower.size() || lower[i] < '0' || lower[i] > '9') return -1;
      value = value * 10 + (lower[i] - '0');
    }
    return value;
  };
  if (number(0, 4) >= 0 && lower.size() >= 10 && lower[4] == '-' && lower[7] == '-') {
    year = number(0, 4);
    month = number(5, 2);
    day = number(8, 2);
  } else {
    // Numbers and month names in the order in which they come: day, month, year (RFC 822, RFC 850), or month, day, year.
    std::vector<std::pair<int, std::size_t>> numbers;
    for (std::size_t i = 0; i < lower.size() && numbers.size() < 2;) {
      std::size_t end = i;
      if (lower[i] >= '0' && lower[i] <= '9') {
        while (end < lower.size() && lower[end] >= '0' && lower[end] <= '9') ++end;
        if (end - i > 4 || (end < lower.size() && lower[end] == ':')) return {};
        numbers.emplace_back(number(i, end - i), end - i);
      } else if (lower[i] >= 'a' && lower[i] <= 'z') {
        while (end < lower.size() && lower[end] >= 'a' && lower[end] <= 'z') ++end;
        const std::size_t at = end - i >= 3 ? kMonths.find(lower.substr(i, 3)) : std::string_view::npos;
        if (at != std::string_view::npos && at % 3 == 0 && month == 0) month = static_cast<int>(at / 3) + 1;
      } else {
        end = i + 1;
      }
      i = end;
    }
    if (numbers.size() < 2) return {};
    day = numbers[0].first;
    year = numbers[1].first;
    if (numbers[1].second == 2) year += year < 70 ? 2000 : 1900;
  }
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31) return {};
  return fmt::format("{:04}-{:02}-{:02}", year, month, day);
}

// ---- values

namespace {

bool is_agent(std::string_view agent, const SignalQuestion& question) {
  if (agent.empty() || agent == "*" || agent == "robots") return true;
  return std::any_of(question.agents.begin(), question.agents.end(), [agent](const std::string& wanted) {
    return lower_case_ascii(std::string_view(wanted).substr(0, wanted.find('/'))) == agent;
  });
}

// Directives that have a value behind a colon, which is not an agent's name before it.
bool takes_value(std::string_view word) {
  return word == "unavailable_after" || word.starts_with("max-");
}

struct Directive {
  std::string agent, word, value;
};

// "noindex, gptbot: noai, nofollow": an agent's name holds for what follows it, up to the next one.
std::vector<Directive> read_directives(std::string_view value, std::string agent) {
  std::vector<Directive> directives;
  for (std::size_t at = 0; at <= value.size();) {
    const std::size_t end = std::min(value.find_first_of(",;", at), value.size());
    std::string part = lower_case_ascii(strip(value.substr(at, end - at)));
    at = end + 1;
    for (std::size_t colon; (colon = part.find(':')) != std::string::npos;) {
      const std::string name(strip(std::string_view(part).substr(0, colon)));
      if (takes_value(name)) {
        std::string argument(strip(std::string_view(part).substr(colon + 1)));
        // "Wed, 25 Jun 2025": the comma is the date's.
        if (name == "unavailable_after" && argument.size() >= 3 && argument.size() <= 9 &&
            std::all_of(argument.begin(), argument.end(), [](char c) { return c >= 'a' && c <= 'z'; }) && at <= value.size()) {
          const std::size_t more = std::min(value.find_first_of(",;", at), value.size());
          argument += ", " + lower_case_ascii(strip(value.substr(at, more - at)));
          at = more + 1;
        }
        directives.push_back({agent, name, argument});
        part.clear();
        break;
      }
      agent = name;
      part = std::string(strip(std::string_view(part).substr(colon + 1)));
    }
    for (std::size_t word = 0; word < part.size();) {
      const std::size_t blank = std::min(part.find_first_of(" \t", word), part.size());
      if (blank > word) directives.push_back({agent, part.substr(word, blank - word), {}});
      word = blank + 1;
    }
  }
  return directives;
}

bool among(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class Reader {
 public:
  explicit Reader(const SignalQuestion& question) : question_(question), said_by_(signal_table().size(), kNobody) {}

  void read(const SignalLine& line, std::size_t number) {
    number_ = number;
    const std::string_view name = line.name;
    if (name == "tdm-reservation") return reservation(line.value);
    if (name == "tdm-policy") return;
    if (name == "content-signal") return preferences(SignalFamily::content_signal, line.value);
    if (name == "content-usage") return preferences(SignalFamily::content_usage, line.value);
    if (name == "disallowaitraining") return word("disallowaitraining");
    if (name == "allowaitraining") return;
    if (name == "unreadable") return unreadable();
    if (line.place == SignalPlace::robots_txt || line.place == SignalPlace::tdmrep) return;
    for (const Directive& directive : read_directives(line.value, name == "x-robots-tag" ? "" : line.name)) {
      if (!is_agent(directive.agent, question_)) continue;
      if (directive.word != "unavailable_after") {
        word(directive.word);
      } else if (const std::string day = day_of(directive.value); day.empty()) {
        unreadable();
      } else if (!question_.date.empty() && day < question_.date) {
        word(directive.word);
      }
    }
  }

  SignalAnswer answer() && {
    for (std::size_t signal = 0; signal < said_by_.size(); ++signal) {
      if (said_by_[signal] == kNobody) continue;
      answer_.reserved.push_back(signal);
      answer_.by_line.push_back(said_by_[signal]);
    }
    return std::move(answer_);
  }

 private:
  static constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

  void say(std::size_t signal) {
    if (said_by_[signal] == kNobody) said_by_[signal] = number_;
  }
  void unreadable() {
    if (answer_.unreadable.empty() || answer_.unreadable.back() != number_) answer_.unreadable.push_back(number_);
  }
  void word(std::string_view said) {
    for (std::size_t i = 0; i < signal_table().size(); ++i) {
      if (signal_table()[i].family == SignalFamily::robots && among(signal_table()[i].words, said)) say(i);
    }
  }
  void reservation(std::string_view value) {
    value = strip(value);
    const std::string first = lower_case_ascii(value.substr(0, value.find_first_of(" ,;(")));
    if (first == "1" || first == "\"1\"" || first == "true") {
      for (std::size_t i = 0; i < signal_table().size(); ++i) {
        if (signal_table()[i].family == SignalFamily::tdm) say(i);
      }
    } else if (first != "0" && first != "\"0\"" && first != "false") {
      unreadable();
    }
  }
  void preferences(SignalFamily family, std::string_view value) {
    bool bad = false;
    const std::vector<Preference> all = read_preferences(value, bad);
    if (bad) unreadable();
    for (std::size_t i = 0; i < signal_table().size(); ++i) {
      const Signal& signal = signal_table()[i];
      if (signal.family != family) continue;
      bool given = false, disallowed = false;
      for (const auto* keys : {&signal.words, &signal.parents}) {
        // The nearest level that says anything decides, "ai" before "bots"; within one the strictest.
        for (const std::string& key : *keys) {
          if (keys == &signal.parents && given) break;
          for (const Preference& preference : all) {
            if (preference.key != key) continue;
            given = true;
            disallowed |= !preference.allowed;
          }
        }
        if (given) break;
      }
      if (disallowed) say(i);
    }
  }

  const SignalQuestion& question_;
  std::vector<std::size_t> said_by_;
  SignalAnswer answer_;
  std::size_t number_ = 0;
};

}  // namespace

std::vector<Preference> read_preferences(std::string_view value, bool& unreadable) {
  std::vector<Preference> found;
  for (std::size_t at = 0; at <= value.size();) {
    const std::size_t end = std::min(value.find(',', at), value.size());
    std::string_view part = strip(value.substr(at, end - at));
    at = end + 1;
    // A path before the first one, in robots.txt.
    if (found.empty() && part.starts_with('/')) part = strip(part.substr(std::min(part.find_first_of(" \t"), part.size())));
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || part.find(';') < equals) {  // no value, or that of a parameter
      unreadable = true;
      continue;
    }
    const std::string key = lower_case_ascii(strip(part.substr(0, equals)));
    const std::string_view said = strip(part.substr(equals + 1));
    const std::size_t stop = std::min(said.find_first_of("; \t"), said.size());
    const std::string word = lower_case_ascii(said.substr(0, stop));
    // Blanks instead of commas: "ai-train=no search=yes".
    if (said.substr(stop).find('=') != std::string_view::npos && said.substr(stop).find(';') == std::string_view::npos)
      at = static_cast<std::size_t>(said.data() - value.data()) + stop + 1;
    if (word == "n" || word == "no")
      found.push_back({key, false});
    else if (word == "y" || word == "yes")
      found.push_back({key, true});
    else
      unreadable = true;
  }
  return found;
}

SignalAnswer read_signals(const std::vector<SignalLine>& lines, const SignalQuestion& question) {
  Reader reader(question);
  for (std::size_t i = 0; i < lines.size(); ++i) reader.read(lines[i], i);
  return std::move(reader).answer();
}

}  // namespace cairn::data
