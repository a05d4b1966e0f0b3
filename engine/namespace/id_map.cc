#include "engine/namespace/id_map.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/log.h"
#include "fs/fd.h"

namespace nestp {
namespace {

std::string_view next_field(std::string_view& line) {
  const std::size_t end = std::min(line.find(':'), line.size());
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return field;
}

bool to_number(std::string_view text, std::uint32_t& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size();
}

/// One's name in the host's /etc/passwd; empty if it is not there.
std::string own_name() {
  const auto text = read_file("/etc/passwd");
  if (!text) return {};
  std::string_view rest = *text;
  const std::string wanted = std::to_string(::getuid());
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    const std::string_view name = next_field(line);
    (void)next_field(line);  // password
    if (next_field(line) == wanted) return std::string(name);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

SysResult<> write_whole(const std::string& path, const std::string& text) {
  const auto fd = open_at(AT_FDCWD, path, O_WRONLY);
  if (!fd) return fd.error();
  if (::write(fd->get(), text.data(), text.size()) < 0) return Errno(errno);
  return Done{};
}

/// Runs newuidmap(1) or newgidmap(1); false if it is not there or refuses.
bool run_helper(const char* name, pid_t process, const std::vector<IdRange>& ranges) {
  std::vector<std::string> words{name, std::to_string(process)};
  for (const IdRange& range : ranges) {
    for (const std::uint32_t number : {range.inside, range.outside, range.count})
      words.push_back(std::to_string(number));
  }
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words)
    pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t child = 0;
  if (::posix_spawnp(&child, name, nullptr, nullptr, pointers.data(), environ) != 0) return false;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  return status == 0;
}

std::vector<IdRange> granted_ranges(const char* file, const std::string& name) {
  const auto text = read_file(file);
  return text ? parse_subordinate(*text, name, ::getuid()) : std::vector<IdRange>{};
}

bool map_subordinate(pid_t process, const Isolation& isolation, std::uint32_t uid,
                     std::uint32_t gid) {
  if (!isolation.subordinate_ids || ::geteuid() == 0) return false;
  const std::string name = own_name();
  const auto uids = granted_ranges("/etc/subuid", name);
  const auto gids = granted_ranges("/etc/subgid", name);
  if (uids.empty() || gids.empty()) return false;
  if (run_helper("newuidmap", process, spread_ids(uid, ::geteuid(), uids)) &&
      run_helper("newgidmap", process, spread_ids(gid, ::getegid(), gids))) {
    return true;
  }
  LOG(info) << "newuidmap and newgidmap cannot map your ranges of /etc/subuid and /etc/subgid; "
               "only your own ids are mapped";
  return false;
}

Error map_error(const char* what, Errno error) {
  std::string text = std::string("cannot map ") + what + " ids: " + std::strerror(error.code());
  if (error == Errno(EPERM) || error == Errno(EACCES)) {
    text += "; without root only one's own id can be mapped, and ranges only by newuidmap(1)";
  }
  return {text};
}

}  // namespace

std::vector<IdRange> parse_subordinate(std::string_view text, std::string_view name, uid_t id) {
  std::vector<IdRange> ranges;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    const std::string_view owner = next_field(line);
    IdRange range;
    if ((owner == name || owner == std::to_string(id)) && !owner.empty() &&
        to_number(next_field(line), range.outside) && to_number(line, range.count) &&
        range.count > 0) {
      ranges.push_back(range);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return ranges;
}

std::vector<IdRange> spread_ids(std::uint32_t inside, std::uint32_t outside,
                                const std::vector<IdRange>& granted) {
  std::vector<IdRange> ranges{{.inside = inside, .outside = outside, .count = 1}};
  std::uint32_t next = 0;
  for (IdRange range : granted) {
    if (next < inside) {
      const std::uint32_t below = std::min(range.count, inside - next);
      ranges.push_back({.inside = next, .outside = range.outside, .count = below});
      next += below;
      range.outside += below;
      range.count -= below;
    }
    if (next == inside) ++next;
    if (range.count == 0) continue;
    ranges.push_back({.inside = next, .outside = range.outside, .count = range.count});
    next += range.count;
  }
  return ranges;
}

std::string map_text(const std::vector<IdRange>& ranges) {
  std::string text;
  for (const IdRange& range : ranges) {
    text += std::to_string(range.inside) + " " + std::to_string(range.outside) + " " +
            std::to_string(range.count) + "\n";
  }
  return text;
}

Result<> write_id_maps(pid_t process, const Isolation& isolation) {
  const std::uint32_t uid = isolation.become.uid.value_or(::geteuid());
  const std::uint32_t gid = isolation.become.gid.value_or(::getegid());
  auto uids = isolation.uids;
  auto gids = isolation.gids;
  if (uids.empty() && gids.empty() && map_subordinate(process, isolation, uid, gid)) return Done{};
  const bool by_helpers = ::geteuid() != 0 && (uids.size() > 1 || gids.size() > 1);
  if (uids.empty()) uids = {{.inside = uid, .outside = ::geteuid(), .count = 1}};
  if (gids.empty()) gids = {{.inside = gid, .outside = ::getegid(), .count = 1}};
  if (by_helpers && run_helper("newuidmap", process, uids) &&
      run_helper("newgidmap", process, gids)) {
    return Done{};
  }
  const std::string place = "/proc/" + std::to_string(process) + "/";
  if (::geteuid() != 0) {
    // Else one could drop a group that forbids something; kernels before 3.19 have no such file.
    const auto denied = write_whole(place + "setgroups", "deny");
    if (!denied && denied.error() != Errno(ENOENT)) return map_error("group", denied.error());
  }
  if (const auto done = write_whole(place + "uid_map", map_text(uids)); !done) {
    return map_error("user", done.error());
  }
  if (const auto done = write_whole(place + "gid_map", map_text(gids)); !done) {
    return map_error("group", done.error());
  }
  return Done{};
}

int run_with_subordinate_ids(const std::function<int()>& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  UniqueFd go_read(ends[0]);
  UniqueFd go_write(ends[1]);
  const long child =
      ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child < 0) return -1;
  if (child == 0) {
    go_write.reset();
    char byte = 0;
    if (::read(go_read.get(), &byte, 1) != 1) ::_exit(127);
    ::_exit(work());
  }
  Isolation isolation;
  isolation.become = {.uid = 0, .gid = 0};
  isolation.subordinate_ids = true;
  const auto process = static_cast<pid_t>(child);
  const auto mapped = write_id_maps(process, isolation);
  if (mapped) (void)!::write(go_write.get(), "", 1);
  go_write.reset();
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR)
    continue;
  return mapped && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace nestp
