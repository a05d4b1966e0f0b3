#include "engine/ptrace/spawn.h"

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
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

constexpr std::size_t kStackSize = 1 << 16;

struct Failure {
  int step = 0;  ///< index of kSteps
  int error = 0;
};
constexpr int kFilterStep = 2;
constexpr const char* kSteps[] = {"enter the working directory", "wait for the tracer",
                                  "install the seccomp filter", "execute the loader"};

}  // namespace

struct StartMemory {
  std::string image;
  std::string directory;
  std::vector<std::string> words, environment;
  std::vector<char*> argv, envp;
  std::span<const sock_filter> filter;
  int go = -1, others_end = -1, report = -1;  ///< descriptors, the child's own
  std::unique_ptr<std::byte[]> stack{new std::byte[kStackSize]};
};

namespace {

/// Runs beside the tracer in the same memory: nothing is allocated or changed here but this stack,
/// and errno, which the tracer does not read before it has seen the child's first stop.
int be_child(void* memory) {
  const auto& start = *static_cast<const StartMemory*>(memory);
  Failure failure;
  char byte = 0;
  close(start.others_end);  // so that reading ends with the tracer
  if (chdir(start.directory.c_str()) != 0) {
    failure = {0, errno};
  } else if (read(start.go, &byte, 1) != 1) {
    failure = {1, ECHILD};
  } else if (const int error = install_filter(start.filter); error != 0) {
    failure = {kFilterStep, error};
  } else {
    execve(start.image.c_str(), start.argv.data(), start.envp.data());
    failure = {3, errno};
  }
  (void)!write(start.report, &failure, sizeof failure);
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
  auto start = std::make_shared<StartMemory>();
  start->directory = directory;
  start->environment = guest.environment;
  start->filter = filter;
  const auto image = images.descriptor(*plan.abi);
  if (!image) return image.error();
  start->image = padded_path("self/fd", std::to_string(*image), plan.file_name);
  start->words = plan.scripts;
  const std::size_t skip = plan.scripts.empty() ? 0 : 1;
  start->words.insert(start->words.end(), guest.command.begin() + static_cast<std::ptrdiff_t>(skip),
                      guest.command.end());
  if (plan.hides_variables) std::erase_if(start->environment, is_loader_variable);
  start->argv = pointers(start->words);
  start->envp = pointers(start->environment);

  Pipe go, report;
  if (!make_pipe(go) || !make_pipe(report)) {
    return Error{std::string("cannot start the guest: pipe: ") + reason(errno)};
  }
  start->go = go.read.get();
  start->others_end = go.write.get();
  start->report = report.write.get();
  const pid_t id =
      clone(be_child, start->stack.get() + kStackSize, CLONE_VM | SIGCHLD, start.get());
  if (id < 0) return Error{std::string("cannot start the guest: clone: ") + reason(errno)};
  const auto seized = ptrace_call::seize(id);
  if (!seized) {
    kill(id, SIGKILL);
    waitpid(id, nullptr, 0);
    report.write.reset();
    if (const std::string text = failure_text(report.read); !text.empty()) return Error{text};
    return Error{"cannot trace the guest: ptrace: " + reason(seized.error().code())};
  }
  (void)!write(go.write.get(), "", 1);
  return Spawned{id, std::move(start), std::move(report.read)};
}

}  // namespace nestp
