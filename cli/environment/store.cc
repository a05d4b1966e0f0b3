#include "cli/environment/store.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/accounts.h"

namespace nestp::environment {
namespace {

std::string xdg_directory(const char* variable, const char* below_home) {
  const char* const value = std::getenv(variable);
  if (value != nullptr && value[0] == '/') return std::string(value) + "/nestp";
  const char* const home = std::getenv("HOME");
  return std::string(home == nullptr ? "" : home) + below_home + "/nestp";
}

Error failure(const std::string& path) { return {path + ": " + std::strerror(errno)}; }

std::string sessions_directory() { return store_directory() + "/.sessions"; }

std::vector<std::string> entries_of(const std::string& path) {
  std::vector<std::string> found;
  DIR* const listing = ::opendir(path.c_str());
  if (listing == nullptr) return found;
  while (const dirent* entry = ::readdir(listing))
    found.emplace_back(entry->d_name);
  ::closedir(listing);
  std::ranges::sort(found);
  return found;
}

}  // namespace

bool is_name(std::string_view name) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.size() < 100 && name[0] != '.' && name[0] != '-' &&
         name.find_first_not_of(kLetters) == std::string_view::npos;
}

std::string store_directory() {
  return xdg_directory("XDG_DATA_HOME", "/.local/share") + "/environments";
}

std::string cache_directory() { return xdg_directory("XDG_CACHE_HOME", "/.cache"); }

std::string directory_of(const std::string& name) { return store_directory() + "/" + name; }

std::string root_of(const std::string& name) { return directory_of(name) + "/root"; }

bool is_there(const std::string& name) {
  return is_name(name) && ::access(root_of(name).c_str(), F_OK) == 0;
}

std::vector<std::string> names() {
  std::vector<std::string> found = entries_of(store_directory());
  std::erase_if(found, [](const std::string& name) { return !is_there(name); });
  return found;
}

Result<Settings> read_settings(const std::string& name) {
  const std::string path = directory_of(name) + "/settings";
  const auto text = read_file(path);
  if (!text) return Error{path + ": " + std::strerror(text.error().code())};
  auto settings = parse_settings(*text);
  if (!settings) return settings.error().in(path);
  return settings;
}

Result<Settings> read_common_settings() {
  const std::string path = xdg_directory("XDG_CONFIG_HOME", "/.config") + "/settings";
  const auto text = read_file(path);
  if (!text) return Settings{};
  auto settings = parse_settings(*text);
  if (!settings) return settings.error().in(path);
  return settings;
}

void add_common(Settings& settings, const Settings& common) {
  // Of two that say different things of one place the last counts.
  const auto add = [](std::vector<std::string>& own, const std::vector<std::string>& more) {
    own.insert(own.begin(), more.begin(), more.end());
  };
  add(settings.binds, common.binds);
  add(settings.read_only, common.read_only);
  add(settings.variables, common.variables);
  if (settings.home.empty()) settings.home = common.home;
  if (settings.backend == "auto") settings.backend = common.backend;
}

Result<> write_settings(const std::string& directory, const std::string& name,
                        const Settings& settings) {
  const std::string path = directory + "/settings";
  const std::string fresh = path + ".new";
  const std::string text = settings_text(settings, name);
  {
    const auto file = open_at(AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (!file ||
        ::write(file->get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      return failure(fresh);
    }
  }
  return ::rename(fresh.c_str(), path.c_str()) == 0 ? Result<>(Done{}) : failure(path);
}

Result<UniqueFd> lock(const std::string& name, Use use) {
  auto directory = open_at(AT_FDCWD, directory_of(name), O_RDONLY | O_DIRECTORY);
  if (!directory || !is_there(name)) {
    return Error{"there is no environment '" + name + "'; see: nestp list"};
  }
  const int how = use == Use::shared ? LOCK_SH : LOCK_EX;
  if (::flock(directory->get(), how | LOCK_NB) == 0) return std::move(*directory);
  return Error{use == Use::shared
                   ? "the environment '" + name + "' is being changed; try again later"
                   : "the environment '" + name + "' is in use; see: nestp ps"};
}

Result<> make_directories(const std::string& path) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    if (::mkdir(path.substr(0, at).c_str(), 0755) != 0 && errno != EEXIST) {
      return failure(path.substr(0, at));
    }
    if (at == std::string::npos) return Done{};
  }
}

Result<UniqueFd> note_session(const std::string& name, const std::string& command) {
  if (const auto done = make_directories(sessions_directory()); !done) return done.error();
  const std::string path = sessions_directory() + "/" + std::to_string(::getpid());
  auto file = open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (!file) return Error{path + ": " + std::strerror(file.error().code())};
  const std::string text = name + "\n" + command + "\n";
  if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0 ||
      ::write(file->get(), text.data(), text.size()) < 0) {
    return failure(path);
  }
  return std::move(*file);
}

std::vector<Session> sessions() {
  std::vector<Session> found;
  for (const std::string& entry : entries_of(sessions_directory())) {
    const auto process = whole_number(entry);
    if (!process) continue;
    const std::string path = sessions_directory() + "/" + entry;
    const auto file = open_at(AT_FDCWD, path, O_RDONLY);
    if (!file) continue;
    if (::flock(file->get(), LOCK_EX | LOCK_NB) == 0) {  // nobody holds it any more
      (void)::unlink(path.c_str());
      continue;
    }
    const auto text = read_file(path);
    if (!text) continue;
    const std::size_t line = std::min(text->find('\n'), text->size() - 1);
    const std::size_t end = std::min(text->find('\n', line + 1), text->size());
    found.push_back({.process = static_cast<pid_t>(*process),
                     .name = text->substr(0, line),
                     .command = text->substr(line + 1, end - line - 1)});
  }
  return found;
}

}  // namespace nestp::environment
