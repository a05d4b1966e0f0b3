#include "cli/junest/place.h"

#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/make_guest.h"
#include "cli/output.h"
#include "fs/fd.h"

namespace nestp::junest {
namespace {

std::string text_of(const char* value) { return value == nullptr ? "" : value; }

void say(int descriptor, std::string_view colour, std::string_view text) {
  std::string line(text);
  if (takes_colours(descriptor)) line = "\033[1;" + std::string(colour) + "m" + line + "\033[0m";
  line += '\n';
  if (descriptor == STDOUT_FILENO) {
    print(line);
  } else {
    print_error(line);
  }
}

}  // namespace

std::string_view arch_word(std::string_view machine) {
  if (machine == "x86_64") return "x86_64";
  if (machine == "i386" || machine == "i486" || machine == "i586" || machine == "i686")
    return "x86";
  if (machine == "aarch64") return "aarch64";
  if (machine.find("arm") != std::string_view::npos) return "arm";
  return {};
}

Result<Place> find_place() {
  Place place;
  place.user_home = text_of(std::getenv("HOME"));
  place.home = text_of(std::getenv("JUNEST_HOME"));
  if (place.home.empty()) {
    if (place.user_home.empty()) {
      return Error{"neither JUNEST_HOME nor HOME is set; set JUNEST_HOME to the image's directory"};
    }
    place.home = place.user_home + "/.junest";
  }
  if (!place.home.starts_with('/')) {
    char* const directory = ::getcwd(nullptr, 0);
    place.home = absolute_path(directory == nullptr ? "/" : directory, place.home);
    std::free(directory);
  }
  while (place.home.size() > 1 && place.home.ends_with('/'))
    place.home.pop_back();
  place.temporary = text_of(std::getenv("JUNEST_TEMPDIR"));
  if (place.temporary.empty()) place.temporary = "/tmp";
  place.uid = ::getuid();
  utsname facts{};
  if (::uname(&facts) == 0) place.arch = arch_word(facts.machine);
  return place;
}

bool is_installed(const Place& place) {
  DIR* const listing = ::opendir(place.home.c_str());
  if (listing == nullptr) return false;
  bool has_entry = false;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string_view name = entry->d_name;
    has_entry = has_entry || (name != "." && name != "..");
  }
  ::closedir(listing);
  return has_entry;
}

std::string image_arch(const Place& place) {
  const auto info = read_file(place.home + "/etc/junest/info");
  if (!info) return place.arch;
  std::string_view rest = *info;
  std::string found = place.arch;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    constexpr std::string_view kKey = "JUNEST_ARCH=";
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    if (line.size() > 1 && (line[0] == '"' || line[0] == '\'') && line.back() == line[0]) {
      line = line.substr(1, line.size() - 2);
    }
    found = line;
  }
  return found;
}

int nested_code(const char* variable) {
  const std::string value = text_of(variable);
  if (value == "1") return exit_nested;
  return value.empty() || value == "0" ? 0 : exit_bad_variable;
}

void say_error(std::string_view text) { say(STDERR_FILENO, "31", text); }

void say_warning(std::string_view text) { say(STDERR_FILENO, "33", text); }

void say_info(std::string_view text) { say(STDOUT_FILENO, "36", text); }

int fail(std::string_view text, int code) {
  say_error("Error: " + std::string(text));
  return code;
}

}  // namespace nestp::junest
