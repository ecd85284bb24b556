// cairn generate MODEL PROMPT and cairn chat MODEL: text from a model, in the terminal.
#include <cstdio>
#include <iostream>

#include "app/cli/cli.h"
#include "app/cli/model_argument.h"
#include "app/cli/verbs.h"
#include "app/serve/served_model.h"
#include "base/error.h"
#include "base/json.h"

namespace cairn::app {
namespace {

struct Options {
  std::string model, prompt, system, date = today(), dtype = "f32", device = "cpu";
  double temperature = 0.8, top_p = 0.9;
  std::int64_t top_k = 0, seed = 0, max_tokens = 256;
  std::vector<std::string> stop;
};

infer::GenerationParams params_of(const Options& options) {
  infer::GenerationParams params;
  params.sampling.temperature = options.temperature;
  params.sampling.top_p = options.top_p;
  params.sampling.top_k = options.top_k;
  params.sampling.seed = static_cast<std::uint64_t>(options.seed);
  params.max_tokens = options.max_tokens;
  params.stop = options.stop;
  infer::check_sampling(params.sampling);
  return params;
}

// Prints text as it comes, unless JSON is wanted.
infer::Generation speak(Session& session, ServedModel& model, const std::vector<std::int32_t>& prompt,
                        const infer::GenerationParams& params) {
  std::size_t shown_so_far = 0;
  const auto show = [&](const std::string& text) {
    if (session.json() || text.empty()) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  infer::Generation result = model.generate(prompt, params, [&](const infer::GeneratedToken&, const std::string& text) {
    shown_so_far += text.size();
    show(text);
    return !session.stop().stop_requested();
  });
  show(result.text.substr(shown_so_far));
  return result;
}

Json result_json(const infer::Generation& result, std::size_t prompt_tokens) {
  Json tokens = Json::array();
  for (const infer::GeneratedToken& token : result.tokens) tokens.push_back({{"id", token.token}, {"logprob", token.logprob}});
  return {{"text", result.text},
          {"finish_reason", infer::finish_reason_name(result.finish)},
          {"prompt_tokens", prompt_tokens},
          {"tokens", tokens}};
}

ExitCode generate(Session& session, const Options& options) {
  const infer::GenerationParams params = params_of(options);
  const ModelArgument found = find_model(session, options.model);
  ServedModel model(found.folder, found.name, found.digest, {}, session.threads(), model_dtype(options.dtype), options.device);
  const auto prompt = model.completion_prompt({options.prompt, {}, false});
  const infer::Generation result = speak(session, model, prompt, params);
  if (session.json()) {
    print_json(result_json(result, prompt.size()));
  } else {
    fmt::print("\n");
  }
  return result.finish == infer::FinishReason::cancelled ? ExitCode::try_again : ExitCode::done;
}

// Keeps the newest turns that fit beside the answer.
std::vector<std::int32_t> fitting_prompt(const ServedModel& model, std::vector<text::ChatMessage>& messages,
                                         const Options& options) {
  for (;;) {
    std::vector<std::int32_t> prompt = model.chat_prompt(messages, options.date);
    const bool has_system = messages.front().role == "system";
    if (static_cast<std::int64_t>(prompt.size()) + 32 <= model.max_length() || messages.size() <= (has_system ? 2u : 1u))
      return prompt;
    const auto oldest = messages.begin() + (has_system ? 1 : 0);
    messages.erase(oldest, oldest + std::min<std::ptrdiff_t>(2, messages.end() - oldest - 1));
  }
}

ExitCode chat(Session& session, const Options& options) {
  infer::GenerationParams params = params_of(options);
  const ModelArgument found = find_model(session, options.model);
  ServedModel model(found.folder, found.name, found.digest, {}, session.threads(), model_dtype(options.dtype), options.device);
  std::vector<text::ChatMessage> messages;
  if (!options.system.empty()) messages.push_back({"system", options.system});
  for (std::string line; !session.stop().stop_requested();) {
    if (!session.json()) {
      fmt::print("> ");
      std::fflush(stdout);
    }
    if (!std::getline(std::cin, line)) break;
    if (line.empty()) continue;
    messages.push_back({"user", line});
    const auto prompt = fitting_prompt(model, messages, options);
    const infer::Generation result = speak(session, model, prompt, params);
    if (session.json()) {
      print_json(result_json(result, prompt.size()));
    } else {
      fmt::print("\n");
    }
    messages.push_back({"assistant", result.text});
    ++params.sampling.seed;
  }
  if (!session.json()) fmt::print("\n");
  return ExitCode::done;
}

Verb& with_sampling(Verb& verb, Options& options) {
  const auto with_default = [](const char* help, auto value) { return fmt::format("{} (default: {})", help, value); };
  return verb
      .option(options.temperature, "--temperature", "T",
              with_default("0 takes the most likely token each time", options.temperature))
      .option(options.top_p, "--top-p", "P", with_default("only the most likely tokens that together reach P", options.top_p))
      .option(options.top_k, "--top-k", "K", "only the K most likely tokens; 0 = all (default: all)")
      .option(options.seed, "--seed", "N", with_default("the same seed gives the same text", options.seed))
      .option(options.max_tokens, "--max-tokens", "N", with_default("at most this many new tokens", options.max_tokens))
      .option(options.stop, "--stop", "TEXT", "end before this text")
      .option(options.dtype, "--dtype", "TYPE", kModelDtypeHelp)
      .option(options.device, "--device", "NAME", kModelDeviceHelp);
}

}  // namespace

void add_generate(CommandLine& line, Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = line.verb("generate", Phase::use, "continue a text with a model");
  verb.positional(options->model, "MODEL", "a model's name in the workspace, or a Hugging Face folder")
      .positional(options->prompt, "PROMPT", "the text to go on from");
  with_sampling(verb, *options)
      .example("cairn generate base-model 'The installer' --seed 7", "the same text each time")
      .run([&session, options] { return generate(session, *options); });
}

void add_chat(CommandLine& line, Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = line.verb("chat", Phase::use, "talk with a fine-tuned model");
  verb.positional(options->model, "MODEL", "a model's name in the workspace, or a Hugging Face folder")
      .option(options->system, "--system", "TEXT", "the system text, instead of the default one");
  verb.option(options->date, "--date", "YYYY-MM-DD", "the current date in the default system text");
  with_sampling(verb, *options).run([&session, options] { return chat(session, *options); });
}

}  // namespace cairn::app
