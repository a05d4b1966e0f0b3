#include "cli/environment/host_facts.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <unistd.h>

#include "fs/directory_stream.h"
#include "fs/fd.h"

namespace nestp::environment {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kLocaleVariables[] = {"LANG",    "LC_ALL",     "LC_CTYPE",    "LC_COLLATE",
                                            "LC_TIME", "LC_NUMERIC", "LC_MONETARY", "LC_MESSAGES"};

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// TZ rather than the file: packages of the guest replace /etc/localtime, which they could not do
/// with a binding.
void add_time_zone(Words& words, const std::string& root, const std::string& host) {
  const auto link = read_link(host + "/etc/localtime");
  constexpr std::string_view kZones = "/zoneinfo/";
  const std::size_t at = link ? link->find(kZones) : std::string::npos;
  if (at != std::string::npos) {
    const std::string name = link->substr(at + kZones.size());
    if (is_there(root + "/usr/share/zoneinfo/" + name)) {
      words.insert(words.end(), {"--env", "TZ=" + name});
      return;
    }
  }
  const auto file = read_file(host + "/etc/localtime");
  const std::string rule = file ? time_zone_rule(*file) : std::string();
  if (!rule.empty()) words.insert(words.end(), {"--env", "TZ=" + rule});
}

/// "de_DE.UTF-8@euro" -> "de_DE.utf8@euro", as the directories of compiled locales are called.
std::string compiled_name(const std::string& locale) {
  const std::size_t dot = std::min(locale.find('.'), locale.size());
  const std::size_t at = std::min(locale.find('@'), locale.size());
  std::string name = locale.substr(0, std::min(dot, at));
  if (dot < at) {
    name += '.';
    for (const char letter : locale.substr(dot + 1, at - dot - 1)) {
      const auto code = static_cast<unsigned char>(letter);
      if (std::isalnum(code) != 0) name += static_cast<char>(std::tolower(code));
    }
  }
  return name + locale.substr(at);
}

bool has_locale(const std::string& root, const std::string& locale) {
  if (locale.empty() || locale == "POSIX" || locale == "C" || locale.starts_with("C.")) return true;
  const std::string folder = root + "/usr/lib/locale/";
  return is_there(folder + "locale-archive") || is_there(folder + compiled_name(locale)) ||
         is_there(folder + locale);
}

void add_locale(Words& words, const std::string& root, const Variable& variable) {
  for (const char* const name : kLocaleVariables) {
    const auto value = variable(name);
    if (!value || has_locale(root, *value)) continue;
    if (std::string_view(name) == "LANG") {
      words.insert(words.end(), {"--env", "LANG=C.UTF-8"});
    } else {
      words.insert(words.end(), {"--unset-env", name});
    }
  }
}

void add_machine(Words& words, const std::string& root, const std::string& host) {
  const auto own = read_file(root + "/etc/machine-id");
  const auto of_host = read_file(host + "/etc/machine-id");
  if (own && !own->empty() && *own != "uninitialized\n") return;
  if (!of_host || of_host->empty()) return;
  words.insert(words.end(), {"--ro-bind", host + "/etc/machine-id:/etc/machine-id"});
}

/// Sockets of the display, of sound and of D-Bus, and the key to the first.
void add_desktop(Words& words, const std::string& host, const Variable& variable) {
  const auto bind = [&](const std::string& path) {
    if (path.starts_with('/') && is_there(path)) words.insert(words.end(), {"-b", path});
  };
  if (variable("DISPLAY")) bind(host + "/tmp/.X11-unix");
  for (const char* const name : {"XDG_RUNTIME_DIR", "XAUTHORITY"})
    bind(variable(name).value_or(""));
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  const DirectoryStream stream(::opendir(directory.c_str()));
  if (stream == nullptr) return names;
  while (const dirent* entry = ::readdir(stream.get()))
    names.emplace_back(entry->d_name);
  std::ranges::sort(names);
  return names;
}

/// NVIDIA's libraries must be those of the kernel's driver, so they are the host's: where the
/// guest's loader looks, unless the guest has its own.
void add_nvidia(Words& words, const std::string& root, const std::string& host) {
  if (!is_there(host + "/proc/driver/nvidia/version")) return;
  constexpr const char* kFolders[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
                                      "/usr/lib64", "/usr/lib"};
  constexpr const char* kPrefixes[] = {"libcuda.so",       "libnvidia-",    "libGLX_nvidia.so",
                                       "libEGL_nvidia.so", "libnvcuvid.so", "libvdpau_nvidia.so"};
  const auto* const place =
      std::ranges::find_if(kFolders, [&](const char* folder) { return is_there(root + folder); });
  if (place == std::end(kFolders) || is_there(root + *place + "/libcuda.so.1")) return;
  const auto bind = [&](const std::string& source, const std::string& target) {
    words.insert(words.end(), {"--ro-bind", source + ":" + target});
  };
  for (const char* const folder : kFolders) {
    for (const std::string& name : names_in(host + folder)) {
      const bool is_driver = std::ranges::any_of(
          kPrefixes, [&](const char* prefix) { return name.starts_with(prefix); });
      if (!is_driver) continue;
      std::string file = folder;
      file.append("/").append(name);
      bind(host + file, std::string(*place).append("/").append(name));
    }
  }
  for (const char* const file :
       {"/usr/bin/nvidia-smi", "/usr/share/glvnd/egl_vendor.d/10_nvidia.json",
        "/usr/share/vulkan/icd.d/nvidia_icd.json", "/etc/OpenCL/vendors/nvidia.icd"}) {
    if (is_there(host + file)) bind(host + file, file);
  }
}

}  // namespace

std::string time_zone_rule(std::string_view file) {
  // Version 1 has none; the others end with a line of it.
  if (!file.starts_with("TZif") || file.size() < 5 || file[4] < '2' || !file.ends_with('\n')) {
    return {};
  }
  file.remove_suffix(1);
  const std::size_t before = file.rfind('\n');
  return before == std::string_view::npos ? std::string() : std::string(file.substr(before + 1));
}

std::vector<std::string> host_fact_words(const std::string& root, const std::string& host,
                                         const Variable& variable) {
  Words words;
  if (!variable("TZ")) add_time_zone(words, root, host);
  add_locale(words, root, variable);
  add_machine(words, root, host);
  add_desktop(words, host, variable);
  add_nvidia(words, root, host);
  return words;
}

}  // namespace nestp::environment
