#include "engine/ptrace/spawn.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "engine/ptrace/exec/start.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/seccomp.h"
#include "engine/words.h"
#include "fs/fd.h"

namespace nestp {
namespace {

struct Pipe {
  UniqueFd read, write;
};

bool make_pipe(Pipe& made) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  made.read.reset(ends[0]);
  made.write.reset(ends[1]);
  return true;
}

/// What the child needs after fork, made before it: no allocation there.
struct ChildPlan {
  std::string image;
  std::string directory;
  std::vector<std::string> words, environment;
  std::vector<char*> argv, envp;
  std::span<const sock_filter> filter;
};

struct Failure {
  int step = 0;  ///< index of kSteps
  int error = 0;
};
constexpr int kFilterStep = 2;
constexpr const char* kSteps[] = {"enter the working directory", "wait for the tracer",
                                  "install the seccomp filter", "execute the loader"};

[[noreturn]] void be_child(const ChildPlan& plan, const Pipe& go, const Pipe& report) {
  Failure failure;
  char byte = 0;
  if (chdir(plan.directory.c_str()) != 0) {
    failure = {0, errno};
  } else if (read(go.read.get(), &byte, 1) != 1) {
    failure = {1, ECHILD};
  } else if (const int error = install_filter(plan.filter); error != 0) {
    failure = {kFilterStep, error};
  } else {
    execve(plan.image.c_str(), plan.argv.data(), plan.envp.data());
    failure = {3, errno};
  }
  (void)!write(report.write.get(), &failure, sizeof failure);
  _exit(127);
}

std::string reason(int error) {
  std::string text = std::strerror(error);
  if (error == EPERM) {
    text +=
        " (another tracer holds this process, or kernel.yama.ptrace_scope or the container's "
        "seccomp profile forbids ptrace)";
  }
  if (error == EAGAIN) text += "; end other processes, or raise the limit (ulimit -u)";
  if (error == EMFILE) text += "; raise the limit of open files (ulimit -n)";
  return text;
}

std::string step_reason(const Failure& failure) {
  if (failure.step != kFilterStep || failure.error != EPERM) return reason(failure.error);
  return "a seccomp profile forbids seccomp(2), as container engines set one; start the container "
         "with another profile";
}

}  // namespace

std::string failure_text(const UniqueFd& report) {
  Failure failure;
  if (read(report.get(), &failure, sizeof failure) != sizeof failure) return {};
  return std::string("cannot start the guest: ") + kSteps[failure.step] + ": " +
         step_reason(failure);
}

Result<Spawned> spawn(const Guest& guest, const ExecPlan& plan, const LoaderImages& images,
                      const std::string& directory, std::span<const sock_filter> filter) {
  ChildPlan child{.directory = directory, .environment = guest.environment, .filter = filter};
  child.image =
      padded_path("self/fd", std::to_string(images.descriptor(*plan.abi)), plan.file_name);
  child.words = plan.scripts;
  const std::size_t skip = plan.scripts.empty() ? 0 : 1;
  child.words.insert(child.words.end(), guest.command.begin() + static_cast<std::ptrdiff_t>(skip),
                     guest.command.end());
  if (plan.hides_variables) std::erase_if(child.environment, is_loader_variable);
  child.argv = pointers(child.words);
  child.envp = pointers(child.environment);

  Pipe go, report;
  if (!make_pipe(go) || !make_pipe(report)) {
    return Error{std::string("cannot start the guest: pipe: ") + reason(errno)};
  }
  const pid_t id = fork();
  if (id < 0) return Error{std::string("cannot start the guest: fork: ") + reason(errno)};
  if (id == 0) be_child(child, go, report);
  const auto seized = ptrace_call::seize(id);
  if (!seized) {
    kill(id, SIGKILL);
    waitpid(id, nullptr, 0);
    return Error{"cannot trace the guest: ptrace: " + reason(seized.error().code())};
  }
  (void)!write(go.write.get(), "", 1);
  return Spawned{id, std::move(report.read)};
}

}  // namespace nestp
