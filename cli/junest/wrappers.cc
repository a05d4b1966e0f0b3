#include "cli/junest/wrappers.h"

#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "cli/words.h"
#include "engine/log.h"
#include "fs/fd.h"

namespace nestp::junest {
namespace {

constexpr const char* kScript = "junest_wrapper";

Error failure(const std::string& path) { return {path + ": " + std::strerror(errno)}; }

std::string text_of_link(int directory, const char* name) {
  char text[4096];
  const ssize_t size = ::readlinkat(directory, name, text, sizeof text);
  return size < 0 ? std::string() : std::string(text, static_cast<std::size_t>(size));
}

/// Names in a directory; those that are programs only, if asked.
std::set<std::string> names_in(const UniqueFd& directory, bool only_programs) {
  std::set<std::string> names;
  const int listing = ::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const stream = listing < 0 ? nullptr : ::fdopendir(listing);
  if (stream == nullptr) return names;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || name == kScript) continue;
    if (only_programs && entry->d_type != DT_LNK) {
      struct stat status {};
      if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) continue;
      if (S_ISREG(status.st_mode) && (status.st_mode & 0111) == 0) continue;
    } else if (only_programs) {
      // A dangling link is a program of the guest, a link to a directory is none.
      struct stat status {};
      if (::fstatat(directory.get(), name.c_str(), &status, 0) == 0 && S_ISDIR(status.st_mode)) {
        continue;
      }
    }
    names.insert(name);
  }
  ::closedir(stream);
  return names;
}

/// From DIR_wrappers up to the image and down to the script.
std::string link_target(const std::string& bin_path) {
  std::string up;
  for (std::size_t at = 0; at < bin_path.size(); ++at) {
    if (bin_path[at] == '/' && at + 1 < bin_path.size() && bin_path[at + 1] != '/') up += "../";
  }
  return up + "usr/bin/" + kScript;
}

Result<> write_script(const Place& place, const std::string& text) {
  const std::string path = place.home + "/usr/bin/" + kScript;
  const auto present = read_file(path);
  if (present && *present == text) return Done{};
  const std::string fresh = path + "." + std::to_string(::getpid());
  const auto file = open_at(AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0755);
  if (!file) {
    errno = file.error().code();
    return failure(fresh);
  }
  const bool written =
      ::fchmod(file->get(), 0755) == 0 &&
      ::write(file->get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::rename(fresh.c_str(), path.c_str()) == 0;
  return written ? Result<>(Done{}) : failure(path);
}

std::string own_program() {
  const auto program = read_link("/proc/self/exe");
  return program ? *program : "nestp";
}

}  // namespace

std::string wrapper_script(const std::string& home, const std::string& program) {
  return "#!/bin/sh\n"
         "# Made by nestp: runs the program of the same name inside the image it lies in.\n"
         "name=${0##*/}\n"
         "here=${0%/*}\n"
         "home=$here\n"
         "while [ -n \"$home\" ] && [ \"$home\" != . ] && [ ! -e \"$home/usr/bin/junest_wrapper\" "
         "]\n"
         "do\n"
         "  case $home in */*) home=${home%/*} ;; *) home= ;; esac\n"
         "done\n"
         "case $home in\n"
         "  /*) directory=${here#\"$home\"}; directory=${directory%_wrappers} ;;\n"
         "  *) home=" +
         quoted_word(home) +
         " directory=/usr/bin ;;\n"
         "esac\n"
         "[ \"$directory\" = /usr/bin ] || name=$directory/$name\n"
         "export JUNEST_HOME=\"$home\"\n"
         "nestp=" +
         quoted_word(program) +
         "\n"
         "if [ -x \"$nestp\" ]; then set -- \"$nestp\" junest \"$name\" \"$@\"\n"
         "else set -- nestp junest \"$name\" \"$@\"; fi\n"
         "program=$1 name=$3\n"
         "shift 3\n"
         "eval 'exec \"$program\" junest '\"${JUNEST_ARGS:-ns}\"' --exact-words -- \"$name\" "
         "\"$@\"'\n";
}

Result<> refresh_wrappers(const Place& place, const std::string& bin_path, Existing existing) {
  std::string path = bin_path;
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  if (!path.starts_with('/')) path = "/" + path;
  const auto programs = open_at(AT_FDCWD, place.home + path, O_RDONLY | O_DIRECTORY);
  if (!programs) {
    errno = programs.error().code();
    return failure(place.home + path);
  }
  const std::string directory = place.home + path + "_wrappers";
  struct stat before {};
  struct stat there {};
  if (::fstat(programs->get(), &before) != 0) return failure(directory);
  const bool is_fresh = existing == Existing::keep && ::stat(directory.c_str(), &there) == 0 &&
                        there.st_mtim.tv_sec == before.st_mtim.tv_sec &&
                        there.st_mtim.tv_nsec == before.st_mtim.tv_nsec;
  if (is_fresh) return Done{};
  if (auto done = write_script(place, wrapper_script(place.home, own_program())); !done) {
    return done;
  }
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return failure(directory);
  const auto wrappers = open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!wrappers) {
    errno = wrappers.error().code();
    return failure(directory);
  }
  const std::string target = link_target(path);
  const std::set<std::string> wanted = names_in(*programs, true);
  std::set<std::string> present = names_in(*wrappers, false);
  for (auto name = present.begin(); name != present.end();) {
    // JuNest's own links are absolute and break when the image moves.
    const std::string link = text_of_link(wrappers->get(), name->c_str());
    const bool is_old = link != target && link.ends_with(std::string("/usr/bin/") + kScript);
    if (wanted.contains(*name) && !is_old && existing == Existing::keep) {
      ++name;
      continue;
    }
    (void)::unlinkat(wrappers->get(), name->c_str(), 0);
    name = present.erase(name);
  }
  for (const std::string& name : wanted) {
    if (present.contains(name)) continue;
    if (::symlinkat(target.c_str(), wrappers->get(), name.c_str()) != 0 && errno != EEXIST) {
      return failure(std::string(directory).append("/").append(name));
    }
  }
  // The stamp: as old as what it was made from, which writing the script may have changed.
  if (::fstat(programs->get(), &before) != 0) return failure(directory);
  const timespec times[2] = {before.st_mtim, before.st_mtim};
  (void)::futimens(wrappers->get(), times);
  return Done{};
}

void refresh_wrappers_quietly(const Place& place) {
  if (const auto done = refresh_wrappers(place, "/usr/bin", Existing::keep); !done) {
    LOG(info) << "wrappers: " << done.error().message;
  }
}

}  // namespace nestp::junest
