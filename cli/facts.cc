// Gathering: the facts that diagnose.cc judges.
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/diagnose.h"
#include "fs/fd.h"

namespace nestp {
namespace {

constexpr int kFilterMissing = 128;  // bit of the exit code of try_tracing()

/// Contents of a small file; empty if it cannot be read.
std::string text_of(const std::string& path) {
  SysResult<std::string> text = read_file(path);
  return text ? *std::move(text) : std::string();
}

/// In a child of its own, as what it tries cannot be undone.  Of its exit code bit 7
/// tells that filters are missing; the others are ptrace's errno.
[[noreturn]] void try_tracing() {
  const int trace_error = ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : errno;
  // A null filter is EFAULT where filters exist and EINVAL where they do not.
  const bool missing =
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr, 0, 0) != 0 && errno == EINVAL;
  ::_exit((trace_error & 127) | (missing ? kFilterMissing : 0));
}

}  // namespace

RootfsFacts read_rootfs_facts(const std::string& path) {
  RootfsFacts facts{.path = path};
  const SysResult<struct stat> status = stat_of(path);
  if (!status) {
    facts.error = status.error().code();
    return facts;
  }
  facts.is_directory = S_ISDIR(status->st_mode);
  facts.is_searchable = check_search(path).ok();
  return facts;
}

std::optional<ProgramHead> read_program_head(const std::string& host) {
  const SysResult<UniqueFd> fd = open_at(AT_FDCWD, host, O_RDONLY | O_NONBLOCK);
  const SysResult<struct stat> status = stat_of(host);
  if (!fd || !status || !S_ISREG(status->st_mode)) return std::nullopt;
  if (status->st_size == 0) return ProgramHead{};
  const auto size = static_cast<std::size_t>(status->st_size);
  void* const bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd->get(), 0);
  if (bytes == MAP_FAILED) return std::nullopt;
  ProgramHead head = parse_program_head({static_cast<const char*>(bytes), size});
  ::munmap(bytes, size);
  return head;
}

TracingFacts probe_tracing() {
  TracingFacts facts;
  parse_status(text_of("/proc/self/status"), facts);
  if (facts.tracer != 0) {
    facts.tracer_name = text_of("/proc/" + std::to_string(facts.tracer) + "/comm");
    if (facts.tracer_name.ends_with('\n')) facts.tracer_name.pop_back();
  }
  const std::string scope = text_of("/proc/sys/kernel/yama/ptrace_scope");
  std::from_chars(scope.data(), scope.data() + scope.size(), facts.yama_scope);
  const pid_t child = ::fork();
  if (child == 0) try_tracing();
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return facts;
  facts.trace_error = WEXITSTATUS(status) & 127;
  facts.filter_error = (WEXITSTATUS(status) & kFilterMissing) != 0 ? EINVAL : 0;
  return facts;
}

}  // namespace nestp
