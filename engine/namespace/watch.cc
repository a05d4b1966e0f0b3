#include "engine/namespace/watch.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nestp {
namespace {

void write_all(int descriptor, const std::string& text) {
  if (descriptor >= 0) (void)!::write(descriptor, text.data(), text.size());  // nobody may listen
}

/// "child-pid" and the numbers of the namespaces that are not nestp's own, as JSON's members.
std::vector<std::string> start_members(pid_t first) {
  std::vector<std::string> members{"\"child-pid\": " + std::to_string(first)};
  for (const std::string name : {"cgroup", "ipc", "mnt", "net", "pid", "uts"}) {
    struct stat own {};
    struct stat other {};
    const std::string place = "/ns/" + name;
    if (::stat(("/proc/self" + place).c_str(), &own) != 0) continue;
    if (::stat(("/proc/" + std::to_string(first) + place).c_str(), &other) != 0) continue;
    if (own.st_ino == other.st_ino) continue;
    members.push_back("\"" + name + "-namespace\": " + std::to_string(other.st_ino));
  }
  return members;
}

std::string object(const std::vector<std::string>& members, const char* before, const char* after) {
  std::string text = "{";
  for (const std::string& member : members)
    text += (&member == members.data() ? "" : ",") + (before + member);
  return text + after + "}\n";
}

Error failure(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

}  // namespace

std::vector<int> handed_descriptors(const Isolation& isolation) {
  const Watch& watch = isolation.watch;
  const Join& join = isolation.join;
  std::vector<int> all = isolation.seccomp_descriptors;
  for (const int descriptor : {watch.info, watch.status, watch.sync, watch.block, watch.block_ids,
                               join.user, join.user_later, join.pid}) {
    if (descriptor >= 0) all.push_back(descriptor);
  }
  return all;
}

void keep_from_programs(const Isolation& isolation) {
  for (const int descriptor : handed_descriptors(isolation))
    (void)::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

void let_go_of_reports(const Watch& watch) {
  for (const int descriptor : {watch.info, watch.status, watch.block_ids}) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

Result<> join_namespaces(const Join& join) {
  if (join.user >= 0 && ::setns(join.user, CLONE_NEWUSER) != 0) {
    return failure("join the user namespace of descriptor " + std::to_string(join.user));
  }
  if (join.pid >= 0 && ::setns(join.pid, CLONE_NEWPID) != 0) {
    return failure("join the process namespace of descriptor " + std::to_string(join.pid));
  }
  return Done{};
}

void tell_start(Watch& watch, pid_t first) {
  const auto members = start_members(first);
  write_all(watch.status, object(members, " ", " "));
  if (watch.info < 0) return;
  write_all(watch.info, object(members, "\n    ", "\n"));
  ::close(watch.info);  // its reader waits for the end
  watch.info = -1;
}

void tell_end(const Watch& watch, int status) {
  const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  write_all(watch.status, "{ \"exit-code\": " + std::to_string(code) + " }\n");
}

void wait_for_byte(int descriptor) {
  if (descriptor < 0) return;
  char byte = 0;
  while (::read(descriptor, &byte, 1) < 0 && errno == EINTR)
    continue;
}

Result<std::vector<UniqueFd>> take_locks(const Watch& watch) {
  std::vector<UniqueFd> held;
  for (const std::string& path : watch.locks) {
    auto file = open_at(AT_FDCWD, path, O_RDONLY);
    if (!file) return Error{"lock file " + path + ": " + std::strerror(file.error().code())};
    struct flock whole {};
    whole.l_type = F_RDLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(file->get(), F_SETLK, &whole) != 0) return failure("lock file " + path);
    held.push_back(std::move(*file));
  }
  return held;
}

Result<> forbid_user_namespaces(const UniqueFd& proc) {
  const auto file = open_at(proc.get(), "sys/user/max_user_namespaces", O_WRONLY);
  if (!file) {
    errno = file.error().code();
    return failure("forbid user namespaces");
  }
  if (::write(file->get(), "0\n", 2) != 2) return failure("forbid user namespaces");
  return Done{};
}

bool can_make_user_namespace() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(CLONE_NEWUSER) == 0 ? 1 : 0);
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  return child > 0 && status != 0;
}

}  // namespace nestp
