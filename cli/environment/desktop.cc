#include "cli/environment/desktop.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#include <vector>

#include "cli/environment/store.h"
#include "cli/environment/words.h"
#include "cli/output.h"
#include "cli/programs.h"
#include "cli/run.h"
#include "fs/fd.h"

namespace nestp::environment {
namespace {

std::string menu_directory() {
  const char* const data = std::getenv("XDG_DATA_HOME");
  if (data != nullptr && data[0] == '/') return std::string(data) + "/applications";
  const char* const home = std::getenv("HOME");
  return std::string(home == nullptr ? "" : home) + "/.local/share/applications";
}

/// What the entries of an environment begin with; no name holds a '+'.
std::string prefix_of(const std::string& name) { return "nestp+" + name + "+"; }

std::vector<std::string> entries_of(const std::string& directory) {
  std::vector<std::string> found;
  DIR* const listing = ::opendir(directory.c_str());
  if (listing == nullptr) return found;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string file = entry->d_name;
    if (file.ends_with(".desktop")) found.push_back(file);
  }
  ::closedir(listing);
  return found;
}

/// In the quoting of desktop entries, for one word of Exec.
std::string entry_word(const std::string& word) {
  std::string quoted = "\"";
  for (const char letter : word) {
    if (std::strchr("\"`$\\", letter) != nullptr) quoted += "\\\\";
    quoted += letter;
    if (letter == '%') quoted += '%';
  }
  return quoted + '"';
}

Result<> write_entry(const std::string& path, const std::string& text) {
  const auto file = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
  if (!file) return Error{path + ": " + std::strerror(file.error().code())};
  if (::write(file->get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Error{path + ": " + std::strerror(errno)};
  }
  return Done{};
}

/// The text of a regular file; links in an environment may lead out of it.
SysResult<std::string> text_of(const std::string& path) {
  const auto file = open_at(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) return file.error();
  return read_file("/proc/self/fd/" + std::to_string(file->get()));
}

}  // namespace

std::string desktop_entry(std::string_view text, const std::string& name, const std::string& enter,
                          const std::string& root) {
  std::string made;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t equals = std::min(line.find('='), line.size());
    const std::string_view key = line.substr(0, std::min(line.find('['), equals));
    const std::string value(line.substr(std::min(equals + 1, line.size())));
    // Neither can be tested or started from outside.
    if (line.starts_with("TryExec=") || line.starts_with("DBusActivatable=")) continue;
    if (line.starts_with("Exec=")) {
      made.append("Exec=").append(enter).append(" ").append(value);
    } else if (line.starts_with("Icon=/")) {
      made.append("Icon=").append(root).append(value);
    } else {
      made += line;
      if (key == "Name") made += " (" + name + ")";
    }
    made += '\n';
  }
  return made;
}

int remove_desktop_entries(const std::string& name) {
  int count = 0;
  for (const std::string& file : entries_of(menu_directory())) {
    if (!file.starts_with(prefix_of(name))) continue;
    const std::string path = menu_directory() + "/" + file;
    if (::unlink(path.c_str()) == 0) ++count;
  }
  return count;
}

int run_desktop(std::span<const std::string> words) {
  const auto read =
      read_words(words, {{"--remove"}}, {.least = 1, .most = 1, .usage = usage_of("desktop")});
  if (!read) return fail(read.error().message, 1);
  const std::string& name = read->names[0];
  if (!is_there(name)) return fail("there is no environment '" + name + "'", 1);
  (void)remove_desktop_entries(name);  // those that are no more
  if (read->has("--remove")) return 0;
  if (const auto done = make_directories(menu_directory()); !done)
    return fail(done.error().message, 1);
  const auto program = read_link("/proc/self/exe");
  const std::string enter = entry_word(program ? *program : "nestp") + " enter " + name + " --";
  const std::string place = root_of(name) + "/usr/share/applications/";
  int count = 0;
  for (const std::string& file : entries_of(place)) {
    const auto text = text_of(place + file);
    if (!text) continue;
    const std::string path = menu_directory() + "/" + prefix_of(name) + file;
    const auto done = write_entry(path, desktop_entry(*text, name, enter, root_of(name)));
    if (!done) return fail(done.error().message, 1);
    ++count;
  }
  print(std::to_string(count) + " programs of '" + name + "' are in the menu\n");
  return 0;
}

}  // namespace nestp::environment
