#include "cli/jchroot/fstab.h"

#include <algorithm>
#include <array>
#include <string>
#include <sys/mount.h>

#include "fs/proc_escape.h"

namespace nestp {
namespace {

/// What an option sets and clears of MS_*.
struct Flag {
  std::string_view name;
  std::uint64_t set = 0;
  std::uint64_t clear = 0;
};

constexpr std::array kFlags{
    Flag{.name = "defaults"},
    Flag{.name = "ro", .set = MS_RDONLY},
    Flag{.name = "rw", .clear = MS_RDONLY},
    Flag{.name = "nosuid", .set = MS_NOSUID},
    Flag{.name = "suid", .clear = MS_NOSUID},
    Flag{.name = "nodev", .set = MS_NODEV},
    Flag{.name = "dev", .clear = MS_NODEV},
    Flag{.name = "noexec", .set = MS_NOEXEC},
    Flag{.name = "exec", .clear = MS_NOEXEC},
    Flag{.name = "sync", .set = MS_SYNCHRONOUS},
    Flag{.name = "async", .clear = MS_SYNCHRONOUS},
    Flag{.name = "dirsync", .set = MS_DIRSYNC},
    Flag{.name = "noatime", .set = MS_NOATIME},
    Flag{.name = "atime", .clear = MS_NOATIME},
    Flag{.name = "nodiratime", .set = MS_NODIRATIME},
    Flag{.name = "diratime", .clear = MS_NODIRATIME},
    Flag{.name = "relatime", .set = MS_RELATIME},
    Flag{.name = "norelatime", .clear = MS_RELATIME},
    Flag{.name = "strictatime", .set = MS_STRICTATIME},
    Flag{.name = "nostrictatime", .clear = MS_STRICTATIME},
    Flag{.name = "lazytime", .set = MS_LAZYTIME},
    Flag{.name = "nolazytime", .clear = MS_LAZYTIME},
    Flag{.name = "mand", .set = MS_MANDLOCK},
    Flag{.name = "nomand", .clear = MS_MANDLOCK},
    Flag{.name = "silent", .set = MS_SILENT},
    Flag{.name = "loud", .clear = MS_SILENT},
};

/// For other programs than mount(2); also what is so in a guest's namespace anyway.
constexpr std::array<std::string_view, 16> kIgnored = {
    "auto",  "user",   "nouser",  "users",    "owner",  "group",   "_netdev",    "nofail",
    "slave", "rslave", "private", "rprivate", "shared", "rshared", "unbindable", "runbindable"};

struct Options {
  std::uint64_t flags = 0;
  std::string data{};
  bool bind = false, recursive = false, remount = false;
  bool is_optional = false, is_left_out = false;
};

void apply_option(Options& options, std::string_view word) {
  if (word == "bind" || word == "rbind") {
    options.bind = true;
    options.recursive = word == "rbind";
  } else if (word == "remount") {
    options.remount = true;
  } else if (word == "noauto") {
    options.is_left_out = true;
  } else if (const auto flag = std::ranges::find(kFlags, word, &Flag::name); flag != kFlags.end()) {
    options.flags = (options.flags & ~flag->clear) | flag->set;
  } else if (std::ranges::find(kIgnored, word) != kIgnored.end()) {
    options.is_optional = options.is_optional || word == "nofail";
  } else if (!word.empty() && !word.starts_with("x-") && !word.starts_with("X-") &&
             !word.starts_with("comment=")) {
    options.data += (options.data.empty() ? "" : ",") + std::string(word);
  }
}

std::string_view next_field(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const std::string_view field = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(field.size());
  return field;
}

Result<> add_line(std::string_view line, std::vector<MountAct>& mounts) {
  MountAct act{.kind = MountAct::Kind::file_system};
  act.host = unescape_name(next_field(line));
  act.guest = unescape_name(next_field(line));
  act.text = next_field(line);
  if (act.text.empty()) return Error{"it has fewer than three fields"};
  Options options;
  std::string_view words = next_field(line);
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(','));
    apply_option(options, word);
    words.remove_prefix(std::min(word.size() + 1, words.size()));
  }
  if (options.is_left_out || act.text == "swap" || act.guest == "none") return Done{};
  if (!act.guest.starts_with('/')) return Error{"'" + act.guest + "' is not absolute"};
  act.flags = options.flags;
  act.data = options.data;
  act.optional = options.is_optional;
  act.devices = true;
  if (options.remount) {
    if ((act.flags & MS_RDONLY) == 0) return Error{"of remount only remount,ro is understood"};
    act.kind = MountAct::Kind::remount_read_only;
  } else if (options.bind) {
    act.kind = MountAct::Kind::bind;
    act.recursive = options.recursive;
  }
  mounts.push_back(std::move(act));
  return Done{};
}

}  // namespace

Result<std::vector<MountAct>> parse_fstab(std::string_view text) {
  std::vector<MountAct> mounts;
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty() || line.front() == '#') continue;
    if (const auto done = add_line(line, mounts); !done) {
      return done.error().in("line " + std::to_string(number));
    }
  }
  return mounts;
}

}  // namespace nestp
