// cairn serve MODEL: an OpenAI-compatible HTTP server for one model.
#include "app/cli/cli.h"
#include "app/cli/model_argument.h"
#include "app/cli/verbs.h"
#include "app/serve/api.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/format.h"
#include "base/log.h"

namespace cairn::app {
namespace {

struct Options {
  std::string model, name, address = "127.0.0.1", keys, origin, dtype = "f32", device = "cpu";
  std::int64_t port = 8080, max_length = 0, queue = 64, batch = 8, cache_tokens = 0, max_tokens = 0;
};

// One SHA-256 of a key a line; # begins a comment.
std::set<std::string> read_key_hashes(const std::string& path) {
  std::set<std::string> hashes;
  const std::string text = read_file(path);
  std::size_t begin = 0;
  for (int line = 1; begin < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string entry = text.substr(begin, end - begin);
    begin = end + 1;
    if (entry.empty() || entry[0] == '#') continue;
    if (entry.size() != 64 || entry.find_first_not_of("0123456789abcdef") != std::string::npos) {
      fail_usage("{}: line {}: expected the SHA-256 of a key, 64 hexadecimal digits (printf KEY | sha256sum)", path, line);
    }
    hashes.insert(entry);
  }
  if (hashes.empty()) fail_usage("{}: no key in it", path);
  return hashes;
}

infer::BatchLimits limits_of(const Options& options) {
  const auto not_negative = [](const char* option, std::int64_t value) {
    if (value < 0) fail_usage("{}: expected a number that is not negative, found {}", option, value);
    return value;
  };
  return {.max_length = not_negative("--max-length", options.max_length),
          .sequences = options.batch,
          .cache_tokens = not_negative("--cache", options.cache_tokens)};
}

ExitCode serve(Session& session, const Options& options) {
  if (options.port < 0 || options.port > 65535) fail_usage("--port: expected 0 to 65535, found {}", options.port);
  if (options.queue < 1) fail_usage("--queue: expected at least 1, found {}", options.queue);
  const ModelArgument found = find_model(session, options.model);
  ServedModel model(found.folder, options.name.empty() ? found.name : options.name, found.digest, limits_of(options),
                    session.threads(), model_dtype(options.dtype), options.device);
  ApiOptions api_options;
  if (!options.keys.empty()) api_options.key_hashes = read_key_hashes(options.keys);
  api_options.queue = static_cast<int>(options.queue);
  if (options.max_tokens < 0) fail_usage("--max-tokens: expected a number that is not negative, found {}", options.max_tokens);
  api_options.max_tokens = options.max_tokens;
  api_options.allowed_origin = options.origin;
  Api api(model, std::move(api_options));
  HttpServer server(
      options.address, static_cast<std::uint16_t>(options.port), {},
      [&](const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) {
        if (session.stop().stop_requested()) api.drain();
        api.handle(request, reply);
      },
      api_error_body);
  log_note(fmt::format("serving {} ({} parameters) at http://{}:{}/v1 — Ctrl-C stops", model.name(),
                       format_count(static_cast<double>(model.config().parameters())), options.address, server.port()));
  log_note(fmt::format("{} answers at once, {} tokens of room; passes are asked for {}", model.batch().limits().sequences,
                       model.batch().limits().cache_tokens, model.batch().launches()));
  fmt::print("listening on {}:{}\n", options.address, server.port());
  std::fflush(stdout);
  constexpr int kDrainSeconds = 20;
  server.run(session.stop(), kDrainSeconds);
  return ExitCode::done;
}

}  // namespace

void add_serve(CommandLine& line, Session& session) {
  auto options = std::make_shared<Options>();
  line.verb("serve", Phase::use, "answer the OpenAI HTTP API with a model")
      .positional(options->model, "MODEL", "a model's name in the workspace, or a Hugging Face folder")
      .option(options->address, "--address", "IP",
              fmt::format("where to listen; beyond loopback use --keys (default: {})", options->address))
      .option(options->port, "--port", "N",
              fmt::format("0 takes a free one; the line on standard output tells which (default: {})", options->port))
      .option(options->name, "--name", "ID", "the model id that clients use (default: the model's name)")
      .option(options->max_length, "--max-length", "TOKENS", "context length (default: the model's)")
      .option(options->dtype, "--dtype", "TYPE", kModelDtypeHelp)
      .option(options->device, "--device", "NAME", kModelDeviceHelp)
      .option(options->keys, "--keys", "FILE", "SHA-256 hashes of accepted API keys, one a line")
      .option(options->origin, "--cors", "ORIGIN", "allow this origin in browsers")
      .option(options->batch, "--batch", "N", fmt::format("answers written at once (default: {})", options->batch))
      .option(options->cache_tokens, "--cache", "TOKENS",
              "room for all of them together; who finds none waits (default: 32768, or what they need at most)")
      .option(options->max_tokens, "--max-tokens", "N", "most tokens that an answer may be asked to have (default: no limit)")
      .option(options->queue, "--queue", "N", fmt::format("requests that may wait; more get 429 (default: {})", options->queue))
      .example("cairn serve chat-model --port 8080", "then: curl localhost:8080/v1/models")
      .run([&session, options] { return serve(session, *options); });
}

}  // namespace cairn::app
