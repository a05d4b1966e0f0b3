#include "engine/namespace/reaper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fcntl.h>
#include <map>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "fs/directory_stream.h"

namespace nestp {
namespace {

volatile pid_t first_process = 0;
volatile sig_atomic_t is_orphan = 0;

void forward(int signal) {
  if (first_process > 0) ::kill(first_process, signal);
}

void note_orphan(int) { is_orphan = 1; }

/// The one signal that nobody else sends here.
int death_signal() { return SIGRTMAX; }

/// Parent of a process, from the text of its stat file: the second field after the name.
pid_t parent_in(std::string_view stat) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos || name_end + 4 > stat.size()) return 0;
  stat.remove_prefix(name_end + 4);  // ") S "
  pid_t parent = 0;
  std::from_chars(stat.data(), stat.data() + stat.size(), parent);
  return parent;
}

/// Each process and its parent, as the host's /proc has them.
std::map<pid_t, pid_t> parents(const UniqueFd& proc) {
  std::map<pid_t, pid_t> all;
  auto listing = open_at(proc.get(), ".", O_RDONLY | O_DIRECTORY);
  if (!listing) return all;
  const DirectoryStream stream(::fdopendir((*listing).release()));
  if (stream == nullptr) return all;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    pid_t process = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), process).ec != std::errc()) {
      continue;
    }
    const auto file = open_at(proc.get(), std::string(name) + "/stat", O_RDONLY);
    if (!file) continue;
    std::array<char, 512> text;
    const ssize_t size = ::read(file->get(), text.data(), text.size());
    if (size > 0) all[process] = parent_in({text.data(), static_cast<std::size_t>(size)});
  }
  return all;
}

bool descends(const std::map<pid_t, pid_t>& parents, pid_t process, pid_t from) {
  for (std::size_t steps = 0; steps < parents.size(); ++steps) {
    const auto found = parents.find(process);
    if (found == parents.end()) return false;
    if (found->second == from) return true;
    process = found->second;
  }
  return false;
}

/// Kills until there is nothing left; new processes that appear meanwhile, too.
void kill_descendants(const UniqueFd& proc) {
  const pid_t self = ::getpid();
  while (true) {
    const auto all = parents(proc);
    for (const auto& [process, parent] : all) {
      if (process != self && descends(all, process, self)) ::kill(process, SIGKILL);
    }
    // One that ends makes its children ours, so there is always one to wait for.
    if (::waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) return;
    while (::waitpid(-1, nullptr, WNOHANG) > 0)
      continue;
  }
}

}  // namespace

void become_reaper(bool own_processes, pid_t nestp) {
  struct sigaction action {};
  action.sa_handler = forward;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGHUP, SIGTERM, SIGUSR1, SIGUSR2})
    ::sigaction(signal, &action, nullptr);
  // The terminal sends these to the first process by itself.
  for (const int signal : {SIGINT, SIGQUIT, SIGPIPE})
    std::signal(signal, SIG_IGN);
  if (own_processes) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // the kernel then kills all the others
    return;
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  action.sa_handler = note_orphan;
  action.sa_flags = 0;
  ::sigaction(death_signal(), &action, nullptr);
  ::prctl(PR_SET_PDEATHSIG, death_signal());
  if (::getppid() != nestp) is_orphan = 1;
}

void reap(pid_t first, OnExit on_exit, bool own_processes, const UniqueFd& proc,
          const std::function<void(int)>& on_end) {
  first_process = first;
  while (true) {
    if (is_orphan != 0 && !own_processes) return kill_descendants(proc);
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended < 0 && errno == EINTR) continue;
    if (ended < 0) return;  // no process is left
    if (ended != first) continue;
    first_process = 0;
    on_end(status);
    if (on_exit != OnExit::kill) continue;
    if (!own_processes) kill_descendants(proc);
    return;  // or the kernel kills them, as number 1 ends
  }
}

}  // namespace nestp
