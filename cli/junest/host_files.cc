#include "cli/junest/host_files.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "engine/log.h"
#include "fs/fd.h"

namespace nestp::junest {
namespace {

constexpr std::array<const char*, 4> kAlways = {"host.conf", "hosts", "nsswitch.conf",
                                                "resolv.conf"};
constexpr std::array<const char*, 3> kForUsers = {"hosts.equiv", "netgroup", "networks"};

std::string_view field(std::string_view line, int index) {
  for (int i = 0; i < index; ++i)
    line.remove_prefix(std::min(line.find(':') + 1, line.size()));
  return line.substr(0, line.find(':'));
}

/// The first line of `file` whose third field is `id`.
std::optional<std::string> line_with_id(std::string_view file, std::string_view id) {
  while (!file.empty()) {
    const std::string_view line = file.substr(0, file.find('\n'));
    if (field(line, 2) == id) return std::string(line);
    file.remove_prefix(std::min(line.size() + 1, file.size()));
  }
  return std::nullopt;
}

/// Asks the host's name services for one account; a directory of thousands is never read whole.
std::optional<std::string> ask_getent(const std::string& database, const std::string& id) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  std::string words[] = {"getent", database, id};
  char* argv[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  pid_t child = 0;
  const bool started = ::posix_spawnp(&child, "getent", &actions, nullptr, argv, environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  write_end.reset();
  if (!started) return std::nullopt;
  std::string text;
  std::array<char, 1024> block;
  ssize_t got = 0;
  while ((got = ::read(read_end.get(), block.data(), block.size())) > 0)
    text.append(block.data(), static_cast<std::size_t>(got));
  (void)::waitpid(child, nullptr, 0);
  text = text.substr(0, text.find('\n'));
  if (text.empty()) return std::nullopt;
  return text;
}

/// Replaces image file `name` if its text differs.  A link there is replaced, not followed: it
/// may lead to the host's own file.
void put_file(const UniqueFd& etc, const std::string& name, const std::string& text) {
  struct stat status {};
  const bool is_link = ::fstatat(etc.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                       S_ISLNK(status.st_mode);
  const std::string path = "/proc/self/fd/" + std::to_string(etc.get()) + "/" + name;
  if (!is_link) {
    const auto present = read_file(path);
    if (present && *present == text) return;
  }
  const std::string fresh = ".nestp." + name + "." + std::to_string(::getpid());
  const auto file = open_at(etc.get(), fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
  bool written =
      file.ok() && ::fchmod(file->get(), 0644) == 0 &&
      ::write(file->get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  written = written && ::renameat(etc.get(), fresh.c_str(), etc.get(), name.c_str()) == 0;
  if (written) return;
  (void)::unlinkat(etc.get(), fresh.c_str(), 0);
  LOG(info) << "the image's /etc/" << name << " cannot be refreshed";
}

std::string text_in(const UniqueFd& etc, const std::string& name) {
  const auto file = open_at(etc.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) return {};
  const auto text = read_file("/proc/self/fd/" + std::to_string(file->get()));
  return text ? *text : std::string();
}

void add_accounts(const UniqueFd& etc, const std::string& name, const std::vector<unsigned>& ids) {
  std::string text = text_in(etc, name);
  const auto of_host = read_file("/etc/" + name);
  for (const unsigned id : ids) {
    const std::string number = std::to_string(id);
    auto line = of_host ? line_with_id(*of_host, number) : std::nullopt;
    if (!line) line = ask_getent(name, number);
    if (line) text = with_account(text, *line);
  }
  if (!text.empty()) put_file(etc, name, text);
}

}  // namespace

std::string with_account(std::string_view file, std::string_view line) {
  std::string text;
  bool is_in = false;
  while (!file.empty()) {
    const std::string_view present = file.substr(0, file.find('\n'));
    file.remove_prefix(std::min(present.size() + 1, file.size()));
    const bool is_same = !present.empty() && (field(present, 0) == field(line, 0) ||
                                              field(present, 2) == field(line, 2));
    if (is_same && is_in) continue;
    text += is_same ? line : present;
    text += '\n';
    is_in = is_in || is_same;
  }
  if (!is_in) {
    text += line;
    text += '\n';
  }
  return text;
}

void refresh_host_files(const Place& place, Session session) {
  const auto etc = open_at(AT_FDCWD, place.home + "/etc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!etc) {
    LOG(info) << "the image has no /etc to refresh";
    return;
  }
  const auto copy = [&](const char* name) {
    const auto text = read_file(std::string("/etc/") + name);
    if (text) put_file(*etc, name, *text);
  };
  std::ranges::for_each(kAlways, copy);
  if (session == Session::root) return;
  std::ranges::for_each(kForUsers, copy);
  add_accounts(*etc, "passwd", {::getuid()});
  std::vector<unsigned> groups{::getgid()};
  std::array<gid_t, 256> more;
  const int count = ::getgroups(static_cast<int>(more.size()), more.data());
  for (int i = 0; i < count; ++i)
    groups.push_back(more[static_cast<std::size_t>(i)]);
  std::ranges::sort(groups);
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  add_accounts(*etc, "group", groups);
}

}  // namespace nestp::junest
