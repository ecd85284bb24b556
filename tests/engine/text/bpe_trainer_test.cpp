#include "engine/text/bpe_trainer.h"

#include <algorithm>
#include <map>

#include "base/disk.h"
#include "base/json.h"
#include "base/random.h"
#include "engine/text/byte_alphabet.h"
#include "engine/text/tokenizer.h"
#include "tests/support/test.h"

namespace cairn::text {
namespace {

TrainedBpe train(const BpeTrainerOptions& options, const std::vector<std::string>& texts, int threads = 1) {
  ThreadPool pool(threads);
  BpeTrainer trainer(options);
  for (const std::string& text : texts) trainer.add({text}, pool);
  return trainer.train(pool);
}

Tokenizer tokenizer_of(const BpeTrainerOptions& options, const TrainedBpe& bpe) {
  return Tokenizer::from_json(parse_json(tokenizer_json(bpe, options), "trained"), "trained");
}

BpeTrainerOptions apertus_options(std::int64_t vocab_size) {
  return {.vocab_size = vocab_size, .special_tokens = apertus_special_tokens(), .plain_tokens = pii_markers()};
}

}  // namespace

TEST_CASE("bpe trainer: merges equal those of the tokenizers library's trainer") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(test::source_folder() / "tests/golden/tokenizer/merges.json");
  std::vector<std::string> texts;
  for (const std::string file : golden["files"]) texts.push_back(read_file(shared / "data" / file));
  for (const auto& [key, merges] : golden["patterns"].items()) {
    const std::string pattern = key;
    CAPTURE(pattern);
    const BpeTrainerOptions options{.vocab_size = golden["vocab_size"],
                                    .pattern = pattern,
                                    .special_tokens = golden["special"],
                                    .plain_tokens = {},
                                    .min_frequency = 1};
    const TrainedBpe bpe = train(options, texts);
    REQUIRE(bpe.merges.size() == merges.size());
    const auto written = [&](TokenId id) { return to_alphabet(bpe.tokens[static_cast<std::size_t>(id)]); };
    for (std::size_t i = 0; i < merges.size(); ++i) {
      CAPTURE(i);
      CHECK(written(bpe.merges[i].first) == merges[i][0].get<std::string>());
      CHECK(written(bpe.merges[i].second) == merges[i][1].get<std::string>());
    }
  }
}

TEST_CASE("bpe trainer: the result does not depend on threads, on the order of texts or on how they come in") {
  std::vector<std::string> texts;
  for (int i = 0; i < 60; ++i)
    texts.push_back("the cat " + std::to_string(i * i) + " sat on the mat; naïve café " + std::to_string(i % 7));
  const auto options = apertus_options(400);
  const std::string expected = tokenizer_json(train(options, texts), options);
  CHECK(tokenizer_json(train(options, texts, 3), options) == expected);
  std::reverse(texts.begin(), texts.end());
  ThreadPool pool(2);
  BpeTrainer trainer(options);
  trainer.add(texts, pool);
  CHECK(tokenizer_json(trainer.train(pool), options) == expected);
}

namespace {

// The definition: count all pairs anew for each merge.
std::vector<std::pair<std::string, std::string>> merges_by_definition(const std::map<std::string, std::int64_t>& words,
                                                                      const std::map<std::string, int>& ids, int count) {
  std::map<std::string, int> id_of = ids;
  std::vector<std::pair<std::vector<std::string>, std::int64_t>> cut;
  for (const auto& [word, times] : words) {
    cut.push_back({{}, times});
    for (const char c : word) cut.back().first.emplace_back(1, c);
  }
  std::vector<std::pair<std::string, std::string>> merges;
  while (count-- > 0) {
    std::map<std::pair<int, int>, std::pair<std::int64_t, std::pair<std::string, std::string>>> counts;
    for (const auto& [symbols, times] : cut) {
      for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
        auto& [total, text] = counts[{id_of.at(symbols[i]), id_of.at(symbols[i + 1])}];
        total += times, text = {symbols[i], symbols[i + 1]};
      }
    }
    const auto best = std::max_element(counts.begin(), counts.end(),
                                       [](const auto& a, const auto& b) { return a.second.first < b.second.first; });
    const auto [left, right] = best->second.second;
    merges.emplace_back(left, right);
    id_of.emplace(left + right, static_cast<int>(id_of.size()));
    for (auto& [symbols, times] : cut) {
      std::vector<std::string> merged;
      for (std::size_t i = 0; i < symbols.size(); ++i) {
        const bool pair = i + 1 < symbols.size() && symbols[i] == left && symbols[i + 1] == right;
        merged.push_back(pair ? left + right : symbols[i]);
        i += pair;
      }
      symbols = std::move(merged);
    }
  }
  return merges;
}

}  // namespace

TEST_CASE("bpe trainer: merges of many words on many threads are those of the definition") {
  const Random random(7, "words");
  std::map<std::string, std::int64_t> words;
  std::string text;
  for (std::uint64_t i = 0, at = 0; i < 30'000; ++i) {
    std::string word;
    for (std::uint64_t length = 1 + random.below(at++, 9); length > 0; --length) word += "aaabbcd"[random.below(at++, 7)];
    text += word + "\n";
    ++words[word];
  }
  CHECK(words.size() > 10'000);  // so that a merge concerns more words than one thread takes
  const BpeTrainerOptions options{.vocab_size = 256 + 60, .pattern = "gpt2", .special_tokens = {}, .plain_tokens = {}};
  std::map<std::string, int> ids;
  const TrainedBpe one = train(options, {text}, 1), three = train(options, {text}, 3);
  for (int id = 0; id < 256; ++id) ids.emplace(one.tokens[static_cast<std::size_t>(id)], id);
  const auto expected = merges_by_definition(words, ids, 60);
  REQUIRE(one.merges.size() == 60);
  CHECK(one.merges == three.merges);
  for (std::size_t i = 0; i < 60; ++i) {
    CAPTURE(i);
    CHECK(one.tokens[static_cast<std::size_t>(one.merges[i].first)] == expected[i].first);
    CHECK(one.tokens[static_cast<std::size_t>(one.merges[i].second)] == expected[i].second);
  }
}

TEST_CASE("bpe trainer: the most frequent pair first, ties to the smaller ids, and an end when pairs are rare") {
  // Words "abab", " ab", " abab": (a, b) 5 times; then (space, ab) and (ab, ab) twice each, of which the space has the smaller
  // id. After that no pair occurs twice.
  const BpeTrainerOptions options{
      .vocab_size = 300, .pattern = "gpt2", .special_tokens = {"<s>"}, .plain_tokens = {}, .min_frequency = 2};
  const TrainedBpe bpe = train(options, {"abab ab abab"});
  REQUIRE(bpe.merges.size() == 2);
  CHECK(bpe.tokens[257] == "ab");
  CHECK(bpe.tokens[258] == " ab");
}

TEST_CASE("bpe trainer: special tokens take the first ids, text never merges into one, markers are cut out") {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "</s></s> write to <email-pii> now\n";
  const auto options = apertus_options(330);
  const TrainedBpe bpe = train(options, {text});
  const Tokenizer tokenizer = tokenizer_of(options, bpe);
  for (std::size_t id = 0; id < apertus_special_tokens().size(); ++id)
    CHECK(tokenizer.require(apertus_special_tokens()[id]) == static_cast<TokenId>(id));
  CHECK(tokenizer.is_special(tokenizer.require("<|assistant_end|>")));
  CHECK(!tokenizer.is_special(tokenizer.require("<email-pii>")));
  for (const std::string& token : bpe.tokens)
    CHECK((token.size() < 4 || token[0] == '<' || token.find("pii") == std::string::npos));
  for (const TokenId id : tokenizer.encode("</s>", SpecialTokens::as_text)) CHECK(!tokenizer.is_special(id));
  const auto ids = tokenizer.encode("x <email-pii>", SpecialTokens::as_text);
  CHECK(ids.back() == tokenizer.require("<email-pii>"));
  // Without any merges all bytes are there.
  CHECK(tokenizer.decode(tokenizer.encode("\xFFé日")) == "\xFFé日");
}

TEST_CASE("bpe trainer: words set aside on disk change nothing; a limit on words leaves the rare ones out") {
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) texts.push_back("word" + std::to_string(i * i * 7919) + " the the cat");
  const test::TemporaryFolder folder;
  auto options = apertus_options(320);
  const std::string expected = tokenizer_json(train(options, texts), options);
  options.memory_bytes = 1;
  options.scratch = folder.path();
  CHECK(tokenizer_json(train(options, texts, 2), options) == expected);
  options.max_words = 3;
  options.min_frequency = 1;
  const TrainedBpe bpe = train(options, texts);
  CHECK(std::find(bpe.tokens.begin(), bpe.tokens.end(), " cat") != bpe.tokens.end());
  CHECK(bpe.merges.size() < 12);
}

TEST_CASE("bpe trainer: patterns by name, digits in a word, numbered markers, the Apertus block") {
  const auto digits = [](const std::string& pattern, int most) {
    const BpeTrainerOptions options{
        .vocab_size = 300, .pattern = pattern, .digits = most, .special_tokens = {}, .plain_tokens = {}};
    const TrainedBpe bpe = train(options, {"1111111111 1111111111"});
    std::size_t longest = 0;
    for (const std::string& token : bpe.tokens) longest = std::max(longest, token.find('1') == 0 ? token.size() : 0);
    return longest;
  };
  CHECK(digits("apertus", 0) == 1);
  CHECK(digits("apertus", 2) == 2);
  CHECK(digits("cl100k", 0) == 3);
  CHECK(digits("o200k", 5) == 5);
  CHECK(digits("qwen2", 0) == 1);
  CHECK(test::error_of([&] { digits("gpt2", 3); }).find("takes runs of digits whole") != std::string::npos);
  CHECK(test::error_of([&] { digits("a+", 3); }).find("a regular expression of one's own") != std::string::npos);
  const std::vector<std::string> few = with_numbered_markers({"<s>", "</s>"}, 4);
  CHECK(few == std::vector<std::string>{"<s>", "</s>", "<SPECIAL_2>", "<SPECIAL_3>"});
  const BpeTrainerOptions options{
      .vocab_size = 1300, .special_tokens = apertus_token_block(), .plain_tokens = apertus_plain_tokens()};
  const Tokenizer tokenizer = tokenizer_of(options, train(options, {"the \\boxed{7} the"}));
  // spec/apertus.md §2.1
  for (const auto& [id, token] :
       {std::pair(1, "<s>"), std::pair(17, "\\boxed{"), std::pair(31, "<reponame>"), std::pair(35, "</answer>"),
        std::pair(38, "<ip-pii>"), std::pair(41, "<intermediate_to_code>"), std::pair(60, "<|fim_end|>"),
        std::pair(61, "<|system_start|>"), std::pair(72, "<|tools_suffix|>"), std::pair(73, "<SPECIAL_73>"),
        std::pair(999, "<SPECIAL_999>")})
    CHECK(tokenizer.require(token) == id);
  CHECK(!tokenizer.is_special(17));
  CHECK(tokenizer.is_special(999));
}

TEST_CASE("bpe trainer: wrong options are refused by name") {
  const auto error = [](BpeTrainerOptions options) { return test::error_of([&] { BpeTrainer trainer(options); }); };
  CHECK(error({.vocab_size = 200}).find("vocab_size 200 is too small") != std::string::npos);
  CHECK(error({.vocab_size = 300, .special_tokens = {"<a>", "<a>"}}).find("\"<a>\" is given twice") != std::string::npos);
  CHECK(error({.vocab_size = 300, .special_tokens = {"<a>"}, .plain_tokens = {"<b>"}})
            .find("\"<b>\" is not one of special_tokens") != std::string::npos);
  CHECK(error({.vocab_size = 300, .special_tokens = {"a"}}).find("already stands for a byte") != std::string::npos);
  CHECK(error({.vocab_size = 300, .digits_from_right = true}).find("expected a named pattern and digits of 2 to 9") !=
        std::string::npos);
  CHECK(error({.vocab_size = 300, .pattern = "gpt2", .digits_from_right = true}).find("takes runs of digits whole") !=
        std::string::npos);
  CHECK(error({.vocab_size = 300, .pattern = "o200k", .digits_from_right = true}) == "");
  CHECK(error({.vocab_size = 300, .pattern = "(("}).find("not a regular expression") != std::string::npos);
}

TEST_CASE("bpe trainer: a pattern of one's own, and texts without any pair") {
  const BpeTrainerOptions options{.vocab_size = 300, .pattern = "\\p{L}+|\\P{L}+", .special_tokens = {}, .plain_tokens = {}};
  const TrainedBpe bpe = train(options, {"aaa 111 aaa", "\xFF", ""});
  CHECK(tokenizer_of(options, bpe).encode("aaa").size() == 1);
  CHECK(train(options, {}).merges.empty());
  CHECK(parse_json(tokenizer_config_json(options), "c").contains("chat_template") == false);
  CHECK(parse_json(tokenizer_config_json(apertus_options(300)), "c")["eos_token"] == "</s>");
}

}  // namespace cairn::text
