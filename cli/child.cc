#include "cli/child.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/output.h"
#include "engine/words.h"
#include "fs/fd.h"

namespace nestp {
namespace {

volatile pid_t child_process = 0;

void pass_on(int signal, siginfo_t* info, void*) {
  if (info->si_code != SI_KERNEL && child_process > 0) ::kill(child_process, signal);
}

int code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  return code_of(status);
}

[[noreturn]] void execute(std::vector<std::string> words) {
  const std::vector<char*> argv = pointers(words);
  ::execvp(argv[0], argv.data());
  const int error = errno;
  print_error("nestp: " + words[0] + ": " + std::strerror(error) + "\n");
  ::_exit(error == ENOENT ? 127 : 126);
}

}  // namespace

bool is_in_path(const std::string& name) {
  const char* const variable = std::getenv("PATH");
  std::string_view path = variable == nullptr ? "/usr/bin:/bin" : variable;
  while (true) {
    const std::string_view directory = path.substr(0, path.find(':'));
    if (::access((std::string(directory) + "/" + name).c_str(), X_OK) == 0) return true;
    if (directory.size() == path.size()) return false;
    path.remove_prefix(directory.size() + 1);
  }
}

int run_in_child(const std::function<int()>& work, const std::vector<int>& handed_over) {
  struct sigaction action {};
  action.sa_sigaction = pass_on;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  constexpr std::array kPassedOn = {SIGHUP, SIGTERM, SIGUSR1, SIGUSR2};
  constexpr std::array kIgnored = {SIGINT, SIGQUIT};
  std::array<struct sigaction, kPassedOn.size() + kIgnored.size()> before{};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  std::size_t count = 0;
  child_process = 0;
  for (const int signal : kPassedOn)
    ::sigaction(signal, &action, &before.at(count++));
  for (const int signal : kIgnored)
    ::sigaction(signal, &ignore, &before.at(count++));
  const auto restore = [&] {
    std::size_t index = 0;
    for (const int signal : kPassedOn)
      ::sigaction(signal, &before.at(index++), nullptr);
    for (const int signal : kIgnored)
      ::sigaction(signal, &before.at(index++), nullptr);
  };
  const pid_t child = ::fork();
  if (child == 0) {
    restore();
    ::_exit(work());
  }
  for (const int descriptor : handed_over)
    ::close(descriptor);
  if (child < 0) {
    restore();
    print_error(std::string("nestp: fork: ") + std::strerror(errno) + "\n");
    return 125;
  }
  child_process = child;
  const int code = wait_for(child);
  child_process = 0;
  restore();
  return code;
}

int run_program_to_end(const std::vector<std::string>& words,
                       const std::vector<std::string>& changes) {
  return run_in_child([&]() -> int {
    for (const std::string& change : changes) {
      const std::size_t equals = change.find('=');
      if (equals == std::string::npos) {
        ::unsetenv(change.c_str());
      } else {
        ::setenv(change.substr(0, equals).c_str(), change.substr(equals + 1).c_str(), 1);
      }
    }
    execute(words);
  });
}

Result<std::string> output_of(const std::vector<std::string>& words, const OutputWish& wish) {
  int ends[2];
  int input_ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error{std::string("pipe: ") + std::strerror(errno)};
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  if (::pipe2(input_ends, O_CLOEXEC) != 0) {
    return Error{std::string("pipe: ") + std::strerror(errno)};
  }
  const UniqueFd input_read(input_ends[0]);
  UniqueFd input_write(input_ends[1]);
  // A file: nobody has to read it while the program runs.
  const UniqueFd errors(wish.errors == nullptr ? -1 : ::memfd_create("errors", MFD_CLOEXEC));
  const pid_t child = ::fork();
  if (child < 0) return Error{std::string("fork: ") + std::strerror(errno)};
  if (child == 0) {
    ::dup2(write_end.get(), STDOUT_FILENO);
    if (errors) ::dup2(errors.get(), STDERR_FILENO);
    if (!wish.input.empty()) ::dup2(input_read.get(), STDIN_FILENO);
    ::alarm(wish.seconds);
    execute(words);
  }
  // A pipe takes this much at once; both ends are ours, so nobody is missing.
  (void)!::write(input_write.get(), wish.input.data(), wish.input.size());
  input_write.reset();
  write_end.reset();
  std::string text;
  std::array<char, 4096> block;
  ssize_t got = 0;
  while ((got = ::read(read_end.get(), block.data(), block.size())) > 0)
    text.append(block.data(), static_cast<std::size_t>(got));
  const int code = wait_for(child);
  if (errors && ::lseek(errors.get(), 0, SEEK_SET) == 0) {
    while ((got = ::read(errors.get(), block.data(), block.size())) > 0)
      wish.errors->append(block.data(), static_cast<std::size_t>(got));
  }
  if (code != 0) return Error{words[0] + " failed with status " + std::to_string(code)};
  return text;
}

}  // namespace nestp
