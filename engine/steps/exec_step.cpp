#include "engine/steps/exec_step.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "engine/steps/step_context.h"

namespace cairn::steps {
namespace {

namespace fs = std::filesystem;

constexpr int kStopPatience = 10;  // seconds between asking a program to stop and ending it

// As a shell would find it.
fs::path find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (!fs::exists(name)) fail_usage("exec: there is no program '{}'", name);
    return fs::absolute(name);
  }
  const char* variable = std::getenv("PATH");
  std::string folders = variable ? variable : "/usr/local/bin:/usr/bin:/bin";
  for (std::size_t begin = 0, end; begin <= folders.size(); begin = end + 1) {
    end = std::min(folders.find(':', begin), folders.size());
    const fs::path candidate = fs::path(folders.substr(begin, end - begin)) / name;
    if (access(candidate.c_str(), X_OK) == 0 && fs::is_regular_file(candidate)) return candidate;
  }
  fail_usage("exec: there is no program '{}' in PATH", name);
}

std::vector<External> program_file(const Config& config) {
  return {{.role = "program", .path = fs::canonical(find_program(config.strings("argv").front())).string(), .globs = {}}};
}

std::vector<OutputSpec> declared_outputs(const Config& config) {
  std::vector<OutputSpec> outputs;
  for (const auto& [role, output] : config.json("outputs").items()) {
    outputs.push_back(
        {role, output.at("kind").get<std::string>(), "written by the program as " + output.at("path").get<std::string>()});
  }
  return outputs;
}

std::string upper_case(std::string text) {
  for (char& c : text) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

using Places = std::map<std::string, std::string>;  // "{input:documents}" -> path

Places places_of(const StepContext& ctx, const fs::path& folder) {
  Places places;
  for (const std::string& role : ctx.input_roles()) {
    std::string paths;
    for (const StepInput& input : ctx.inputs(role)) paths += (paths.empty() ? "" : ":") + input.path.string();
    places["{input:" + role + "}"] = paths;
  }
  for (const auto& [role, output] : ctx.config().json("outputs").items()) {
    places["{output:" + role + "}"] = (folder / output.at("path").get<std::string>()).string();
  }
  return places;
}

std::string with_places(std::string text, const Places& places) {
  for (const auto& [mark, path] : places) {
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + path.size()))
      text.replace(at, mark.size(), path);
  }
  const std::size_t unknown = std::min(text.find("{input:"), text.find("{output:"));
  if (unknown != std::string::npos)
    fail_usage("exec: '{}': no such input or output is declared", text.substr(unknown, text.find('}', unknown) - unknown + 1));
  return text;
}

std::vector<std::string> environment_of(const StepContext& ctx, const fs::path& folder, const Places& places) {
  std::map<std::string, std::string> variables{
      {"PATH", ctx.runtime().string("path")}, {"HOME", folder.string()}, {"LC_ALL", "C.UTF-8"}};
  for (const auto& [mark, place] : places) {
    std::string name = mark.substr(1, mark.size() - 2);
    name[name.find(':')] = '_';
    variables["CAIRN_" + upper_case(name)] = place;
  }
  for (const auto& [name, value] : ctx.config().json("env").items()) variables[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : variables) lines.push_back(name + "=" + value);
  return lines;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// In a process group of its own, so that a stop reaches its children too; it ends when we are killed. Its standard output goes
// where ours for people goes. Between fork and exec only what POSIX allows there.
pid_t start_program(const fs::path& program, std::vector<std::string> arguments, std::vector<std::string> environment,
                    const fs::path& folder) {
  const std::vector<char*> argv = pointers(arguments), envp = pointers(environment);
  const pid_t parent = getpid();
  // No signal reaches the child before it has put our handlers aside.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t child = fork();
  if (child != 0) sigprocmask(SIG_SETMASK, &before, nullptr);
  if (child < 0) fail("{}: cannot be started: {}", program.string(), std::strerror(errno));
  if (child > 0) {
    setpgid(child, child);  // in both, whoever comes first
    return child;
  }
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = open("/dev/null", O_RDONLY);
  if (getppid() != parent || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
      chdir(folder.c_str()) != 0)
    _exit(126);
  execve(program.c_str(), argv.data(), envp.data());
  _exit(errno == ENOENT ? 127 : 126);
}

int wait_for(pid_t child, const StepContext& ctx) {
  int status = 0;
  for (int waited = 0, asked_at = -1; waitpid(child, &status, WNOHANG) == 0; ++waited) {
    if (ctx.stop_token().stop_requested() && asked_at < 0) {
      kill(-child, SIGTERM);
      asked_at = waited;
    }
    if (asked_at >= 0 && waited - asked_at == kStopPatience * 100) kill(-child, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return status;
}

void take_outputs(const StepContext& ctx, const fs::path& folder) {
  for (const auto& [role, output] : ctx.config().json("outputs").items()) {
    const fs::path made = folder / output.at("path").get<std::string>();
    if (!ctx.disk().exists(made))
      fail("the program ended well but did not write '{}' (output {})", output.at("path").get<std::string>(), role);
    ctx.disk().rename(made, ctx.staging(role));
  }
}

void check_output_paths(const Config& config) {
  for (const auto& [role, output] : config.json("outputs").items()) {
    const fs::path path = fs::path(output.at("path").get<std::string>()).lexically_normal();
    if (path.is_absolute() || path.empty() || *path.begin() == ".." || path == ".") {
      fail_usage("exec: outputs.{}.path: expected a path inside the folder that the program runs in, found '{}'", role,
                 path.string());
    }
  }
}

void run_program(StepContext& ctx) {
  check_output_paths(ctx.config());
  // A folder of this attempt's own: children of a killed one may still be writing to theirs.
  for (const DiskEntry& old : ctx.disk().list(ctx.scratch())) ctx.disk().remove_tree(ctx.scratch() / old.name);
  const fs::path folder = fs::absolute(ctx.scratch()) / ("work-" + std::to_string(getpid()));
  ctx.disk().make_directories(folder);
  const Places places = places_of(ctx, folder);
  std::vector<std::string> arguments = ctx.config().strings("argv");
  for (std::string& argument : arguments) argument = with_places(argument, places);
  const int status = wait_for(
      start_program(find_program(ctx.config().strings("argv").front()), arguments, environment_of(ctx, folder, places), folder),
      ctx);
  ctx.stop_if_asked();
  if (WIFSIGNALED(status))
    fail("{} was ended by signal {} ({})", arguments.front(), WTERMSIG(status), strsignal(WTERMSIG(status)));
  if (WEXITSTATUS(status) == 126 || WEXITSTATUS(status) == 127)
    fail("{} could not be started (exit code {})", arguments.front(), WEXITSTATUS(status));
  if (WEXITSTATUS(status) != 0) fail("{} failed with exit code {}", arguments.front(), WEXITSTATUS(status));
  take_outputs(ctx, folder);
}

}  // namespace

const StepSpec kExec{
    .name = "exec",
    .version = 1,
    .summary = "run any program as a step, with declared inputs and outputs",
    .inputs = {{"program", "file", "the program's file, found by itself", true}},
    .outputs = {},
    .config = object({
        field("argv", list(string()).min(1), "the program and its arguments; {input:ROLE} and {output:ROLE} become paths"),
        field("env", map(string()).def(Json::object()), "variables that the program sees beside PATH, HOME and LC_ALL"),
        field("outputs",
              map(object({field("path", string().min(1), "where the program writes it, in the folder it runs in"),
                          field("kind", string().def("file"), "kind of artifact")})),
              "role: what the program makes"),
    }),
    .runtime = object({field("path", string().def("/usr/local/bin:/usr/bin:/bin"), "the program's PATH")}),
    .exactness = Exactness::none,
    .externals = program_file,
    .open_inputs = true,
    .more_outputs = declared_outputs,
    .run = run_program,
};

}  // namespace cairn::steps
